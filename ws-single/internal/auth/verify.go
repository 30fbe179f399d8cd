package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

// What Verify answers, to be told apart with errors.Is. The texts are short
// enough for a close reason and never hold any part of the token.
var (
	// ErrInvalid is a token that will never be good: close 4501, or the auth
	// command's UNAUTHORIZED.
	ErrInvalid = errors.New("token invalid")
	// ErrUnavailable is a token that cannot be checked now, as its key could not
	// be fetched: 503 (not ready) before the upgrade, or the auth command's
	// UNAVAILABLE.
	ErrUnavailable = errors.New("token cannot be checked now")
)

// clockSkew is how far the issuer's clock may be ahead of ours (nbf, iat). exp
// has no such leeway: at exp the connection is closed (4501), so a token past it
// would only be let in to be thrown out.
const clockSkew = 5 * time.Second

// minSecret is the least length of an HMAC secret: the hash's own (RFC 7518,
// 3.2). HS384 and HS512 are taken with it as well, they are no weaker for it.
const minSecret = 32

// lastExpiry is the end of the year 9999: a later exp is a mistake, or meant to
// overflow.
const lastExpiry = 253402300799

// waitForKeys bounds how long Verify waits for a key set.
const waitForKeys = 3 * time.Second

// The algorithms of each kind of key. They are pinned: a token cannot choose
// none, nor have a public key taken for an HMAC secret (RFC 8725, 3.1).
var (
	hmacMethods = []string{"HS256", "HS384", "HS512"}
	jwksMethods = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// Options configure a Verifier. Secret or JWKSURL has to be set; with both, a
// token's algorithm decides which counts.
type Options struct {
	Secret   string // HMAC, its bytes as they are, at least 32
	JWKSURL  string // http or https
	Issuer   string // iss has to be this; empty: not looked at
	Audience string // aud has to hold this; empty: not looked at

	Logger     *slog.Logger     // nil: slog.Default
	Now        func() time.Time // nil: time.Now; for tests
	HTTPClient *http.Client     // nil: one of our own
}

// Identity is what a verified token says.
type Identity struct {
	Subject     string         // never empty
	Expires     time.Time      // at this time: 4501
	AllChannels bool           // the token has no channels claim
	Channels    []wire.Pattern // the channels claim; may be empty: none
}

// Allows reports whether the identity may subscribe to p: one claim has to cover
// it part by part.
func (id Identity) Allows(p wire.Pattern) bool {
	return id.AllChannels || slices.ContainsFunc(id.Channels, func(c wire.Pattern) bool { return c.Covers(p) })
}

// Verifier checks tokens. Its methods may be called from any goroutine.
type Verifier struct {
	parser *jwt.Parser
	secret []byte
	keys   *keySet // nil without a JWKS URL
	now    func() time.Time
}

// NewVerifier checks the options, starts fetching the keys and returns without
// waiting for them. ctx ends the fetching as Close does. Errors name the setting.
func NewVerifier(ctx context.Context, o Options) (*Verifier, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	v := &Verifier{secret: []byte(o.Secret), now: o.Now}
	var methods []string
	if o.Secret != "" {
		if n := len(o.Secret); n < minSecret {
			return nil, fmt.Errorf("WS_JWT_SECRET has %d bytes, at least %d are needed (RFC 7518, 3.2)", n, minSecret)
		}
		methods = append(methods, hmacMethods...)
	}
	if o.JWKSURL != "" {
		methods = append(methods, jwksMethods...)
	}
	if methods == nil {
		return nil, errors.New("neither WS_JWT_SECRET nor WS_JWT_JWKS_URL is set")
	}
	opts := []jwt.ParserOption{
		jwt.WithValidMethods(methods),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew),
		jwt.WithTimeFunc(o.Now),
		jwt.WithStrictDecoding(),
	}
	if o.Issuer != "" {
		opts = append(opts, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		opts = append(opts, jwt.WithAudience(o.Audience))
	}
	v.parser = jwt.NewParser(opts...)
	if o.JWKSURL != "" {
		u, err := url.Parse(o.JWKSURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, errors.New("WS_JWT_JWKS_URL is not an http or https URL")
		}
		v.keys = newKeySet(ctx, u, o.HTTPClient, o.Logger)
	}
	return v, nil
}

// Close stops the fetching of keys and waits for its end. Verify goes on with
// the keys there are.
func (v *Verifier) Close() {
	if v.keys != nil {
		v.keys.close()
	}
}

// Ready is nil once tokens can be checked, else why they cannot. It does not
// turn bad again.
func (v *Verifier) Ready() error {
	if v.keys == nil {
		return nil
	}
	return v.keys.ready()
}

// Verify returns the identity of a token, or an error that is ErrInvalid or
// ErrUnavailable. It may wait for a key set, 3 s at most and not past ctx: not to
// be called from the loop.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	if token == "" {
		return Identity{}, fmt.Errorf("%w: there is none", ErrInvalid)
	}
	if len(token) > maxToken {
		return Identity{}, fmt.Errorf("%w: too long", ErrInvalid)
	}
	set := v.keys.current()
	parsed, err := v.parse(token, set)
	if err != nil && v.keys != nil && needsOtherKey(parsed, err) {
		ctx, cancel := context.WithTimeout(ctx, waitForKeys)
		defer cancel()
		if err := v.keys.refresh(ctx); err != nil {
			return Identity{}, ErrUnavailable
		}
		if newer := v.keys.current(); newer != set {
			parsed, err = v.parse(token, newer)
		}
	}
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %s", ErrInvalid, reason(err))
	}
	return v.identity(parsed)
}

var errNoKeys = errors.New("no keys loaded")

func (v *Verifier) parse(token string, set *loadedKeys) (*jwt.Token, error) {
	// The library hands back what it parsed also when it refuses it.
	return v.parser.ParseWithClaims(token, jwt.MapClaims{}, func(t *jwt.Token) (any, error) {
		if _, ok := t.Method.(*jwt.SigningMethodHMAC); ok {
			return v.secret, nil // pinned: with no secret, no HMAC gets here
		}
		if set == nil {
			return nil, errNoKeys
		}
		return set.find(t)
	})
}

// needsOtherKey tells a token of a key we do not have from a bad one. Without a
// key ID all keys were tried, and the right one may be a newer.
func needsOtherKey(t *jwt.Token, err error) bool {
	if errors.Is(err, errNoKeys) || errors.Is(err, jwkset.ErrKeyNotFound) {
		return true
	}
	if !errors.Is(err, jwt.ErrTokenSignatureInvalid) || !slices.Contains(jwksMethods, t.Method.Alg()) {
		return false
	}
	_, named := t.Header[jwkset.HeaderKID]
	return !named
}

// identity reads the claims of a token whose signature, times, issuer and
// audience are good.
func (v *Verifier) identity(t *jwt.Token) (Identity, error) {
	fail := func(why string) (Identity, error) { return Identity{}, fmt.Errorf("%w: %s", ErrInvalid, why) }
	// An extension that must be understood, and is not (RFC 7515, 4.1.11).
	if _, ok := t.Header["crit"]; ok {
		return fail("it has critical header parameters")
	}
	claims, ok := t.Claims.(jwt.MapClaims)
	if !ok {
		return fail("no claims")
	}
	var id Identity
	if id.Subject, ok = claims["sub"].(string); !ok || id.Subject == "" {
		return fail("no sub")
	}
	exp, ok := claims["exp"].(float64)
	if !ok || exp > lastExpiry {
		return fail("bad exp")
	}
	id.Expires = time.Unix(int64(exp), 0)
	if !v.now().Before(id.Expires) {
		return fail("expired")
	}
	list, ok := claims["channels"]
	if !ok {
		id.AllChannels = true
		return id, nil
	}
	names, ok := list.([]any)
	if !ok {
		return fail("its channels are not a list")
	}
	for _, n := range names {
		s, _ := n.(string)
		p, err := wire.ParsePattern(s)
		if err != nil {
			return fail("its channels hold something that is no pattern")
		}
		id.Channels = append(id.Channels, p)
	}
	return id, nil
}

// reason puts the library's errors in words of our own: its texts may quote the
// token.
func reason(err error) string {
	for _, r := range []struct {
		err  error
		text string
	}{
		{jwt.ErrTokenMalformed, "not a JWT"},
		{errNoKeys, "signed with an unknown key"},
		{jwkset.ErrKeyNotFound, "signed with an unknown key"},
		{jwt.ErrTokenSignatureInvalid, "the signature is wrong, or of a kind that is not accepted"},
		{jwt.ErrTokenUnverifiable, "signed with a key or in a way that is not accepted"},
		{jwt.ErrTokenExpired, "expired"},
		{jwt.ErrTokenNotValidYet, "not valid yet"},
		{jwt.ErrTokenUsedBeforeIssued, "issued in the future"},
		{jwt.ErrTokenInvalidAudience, "made for another audience"},
		{jwt.ErrTokenInvalidIssuer, "made by another issuer"},
		{jwt.ErrTokenRequiredClaimMissing, "a required claim is missing"},
	} {
		if errors.Is(err, r.err) {
			return r.text
		}
	}
	return "refused"
}
