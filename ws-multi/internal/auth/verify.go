package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

// The ways in which a token is not taken, for errors.Is. What an error says fits
// into a close frame and holds nothing of the token.
var (
	// ErrInvalid: the token is bad and stays so; 4501, or UNAUTHORIZED.
	ErrInvalid = errors.New("token invalid")
	// ErrUnavailable: the token's key cannot be had now; 503, or UNAVAILABLE.
	ErrUnavailable = errors.New("token cannot be checked now: its key is not at hand")
	// ErrWouldWait: only Verify can tell, by fetching keys. Never from Verify.
	ErrWouldWait = errors.New("token cannot be checked without fetching keys")
)

const (
	longestToken   = 8 << 10 // bytes
	shortestSecret = 32      // bytes: as long as the smallest hash (RFC 7518, section 3.2)

	// clockLeeway is how far the issuer's clock may be ahead (nbf, iat). exp gets
	// none: a connection past it is closed, so letting it in would be pointless.
	clockLeeway = 5 * time.Second
	// patience is how long Verify waits for keys.
	patience = 3 * time.Second
)

// latestExpiry is the last moment with a four-digit year. An exp beyond is a
// mistake of units, or meant to overflow.
var latestExpiry = float64(time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix())

// A token names its algorithm itself, so the server says which ones count (RFC 8725,
// section 3.1): those of its own kinds of keys. Otherwise none would be an
// algorithm, and an issuer's public key a secret that everybody knows.
var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	keyAlgorithms    = []string{"EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}
)

// canVerify reports whether a key of a key set is one for keyAlgorithms.
func canVerify(key jwkset.JWK) bool {
	if use := key.Marshal().USE; use != "" && use != jwkset.UseSig {
		return false
	}
	switch public := key.Key().(type) {
	case ed25519.PublicKey, *ecdsa.PublicKey:
		return true
	case *rsa.PublicKey:
		return public.N.BitLen() >= shortestRSA
	}
	return false
}

// Options say which tokens are good. One of Secret and JWKSURL has to be set; if
// both are, a token's algorithm decides between them.
type Options struct {
	Secret   string // WS_JWT_SECRET: for HMAC, its bytes as they are, 32 at least
	JWKSURL  string // WS_JWT_JWKS_URL: http or https
	Issuer   string // WS_JWT_ISSUER: what iss has to be; empty: anything
	Audience string // WS_JWT_AUDIENCE: what aud has to be or to hold; empty: anything

	Client *http.Client // for the key set; nil: one of its own
	Log    *slog.Logger // nil: slog.Default
}

// A Verifier turns tokens into identities. Any goroutine may call its methods.
type Verifier struct {
	parser *jwt.Parser
	secret []byte
	keys   *keys // nil without a JWKSURL
}

// NewVerifier checks the options and, with a JWKSURL, starts to fetch the keys; it
// does not wait for them (see Ready). The fetching ends with ctx, or Close. Its
// errors name the setting that is wrong.
func NewVerifier(ctx context.Context, o Options) (*Verifier, error) {
	v := &Verifier{secret: []byte(o.Secret)}
	var algorithms []string
	if o.Secret != "" {
		if len(o.Secret) < shortestSecret {
			return nil, fmt.Errorf("WS_JWT_SECRET is %d bytes long: take %d or more, or it can be guessed from one token (RFC 7518, section 3.2)", len(o.Secret), shortestSecret)
		}
		algorithms = append(algorithms, secretAlgorithms...)
	}
	var issuer *url.URL
	if o.JWKSURL != "" {
		var err error
		issuer, err = url.Parse(o.JWKSURL)
		// The value is not quoted: it may hold a password.
		if err != nil || issuer.Host == "" || issuer.Scheme != "http" && issuer.Scheme != "https" {
			return nil, errors.New("WS_JWT_JWKS_URL is not a URL of the form https://host/path")
		}
		algorithms = append(algorithms, keyAlgorithms...)
	}
	if len(algorithms) == 0 {
		return nil, errors.New("tokens cannot be checked: set WS_JWT_SECRET or WS_JWT_JWKS_URL")
	}
	checks := []jwt.ParserOption{
		jwt.WithValidMethods(algorithms), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(clockLeeway),
	}
	if o.Issuer != "" {
		checks = append(checks, jwt.WithIssuer(o.Issuer))
	}
	if o.Audience != "" {
		checks = append(checks, jwt.WithAudience(o.Audience))
	}
	v.parser = jwt.NewParser(checks...)
	if issuer != nil {
		if o.Log == nil {
			o.Log = slog.Default()
		}
		v.keys = startKeys(ctx, issuer, o.Client, o.Log)
	}
	return v, nil
}

// Close ends the fetching of keys and waits for its goroutine. Tokens of keys at
// hand are still verified, for connections that drain.
func (v *Verifier) Close() {
	if v.keys != nil {
		v.keys.stop()
		<-v.keys.ended
	}
}

// Ready is nil as soon as tokens can be verified, and stays so; before, it says
// what the fetching of the keys has come to.
func (v *Verifier) Ready() error {
	if v.keys == nil {
		return nil
	}
	ring := v.keys.ring.Load()
	if ring.lookup != nil {
		return nil
	}
	return fmt.Errorf("no token keys from %s: %w", v.keys.url.Host, ring.err)
}

// Verify returns whom a token stands for; otherwise an error that is ErrInvalid or
// ErrUnavailable. For a token of an unknown key it waits for a fetch, up to 3 s and
// not longer than ctx: a shard calls Try instead.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	identity, err := v.Try(token)
	if !errors.Is(err, ErrWouldWait) {
		return identity, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if v.keys.settle(ctx) {
		identity, err = v.Try(token)
	}
	if errors.Is(err, ErrWouldWait) { // not settled, or no longer
		return Identity{}, ErrUnavailable
	}
	return identity, err
}

// Try is Verify without waiting: it takes the time of a signature's check (tens of
// microseconds), touches no lock that anybody holds for longer, and answers
// ErrWouldWait where Verify would fetch keys first.
func (v *Verifier) Try(token string) (Identity, error) {
	switch {
	case token == "":
		return invalid("there is none, or more than one")
	case len(token) > longestToken:
		return invalid("too long")
	}
	var ring *keyring
	if v.keys != nil {
		ring = v.keys.ring.Load()
	}
	parsed, err := v.parser.ParseWithClaims(token, jwt.MapClaims{}, func(t *jwt.Token) (any, error) {
		switch {
		case slices.Contains(secretAlgorithms, t.Method.Alg()):
			return v.secret, nil
		case ring.lookup == nil:
			return nil, errNoKeys
		}
		return ring.lookup(t)
	})
	switch {
	case err == nil:
		return identify(parsed)
	case ring == nil || !isOfOtherKey(parsed, err):
	case !ring.isSettled():
		return Identity{}, ErrWouldWait
	case ring.err != nil:
		return Identity{}, ErrUnavailable
	}
	return invalid(fault(err))
}

var errNoKeys = errors.New("no keys at hand")

// isOfOtherKey reports whether a newer key set might make the token a good one.
func isOfOtherKey(t *jwt.Token, err error) bool {
	if errors.Is(err, errNoKeys) || errors.Is(err, jwkset.ErrKeyNotFound) {
		return true
	}
	// A token that names no key was tried with all, and the right one may be new.
	return errors.Is(err, jwt.ErrTokenSignatureInvalid) && slices.Contains(keyAlgorithms, t.Method.Alg()) && t.Header[jwkset.HeaderKID] == nil
}

// identify reads what this server wants to know from a token that is genuine, in
// its time, and of the right issuer and audience. Names of claims are
// case-sensitive (RFC 7519, section 10.1.1), which encoding/json is not for structs.
func identify(t *jwt.Token) (Identity, error) {
	if _, ok := t.Header["crit"]; ok {
		return invalid("it has critical extensions, and none is known here") // RFC 7515, section 4.1.11
	}
	claims, _ := t.Claims.(jwt.MapClaims)
	subject, _ := claims["sub"].(string)
	if subject == "" {
		return invalid("its sub is missing, or no text")
	}
	seconds, ok := claims["exp"].(float64)
	if !ok || seconds > latestExpiry {
		return invalid("its exp is no time in seconds")
	}
	// Whole seconds, rounded down: never longer than it says.
	expires := time.Unix(int64(seconds), 0)
	if !time.Now().Before(expires) {
		return invalid("expired")
	}
	identity := NewIdentity(subject, expires)
	claim, ok := claims["channels"]
	if !ok {
		return identity, nil
	}
	list, ok := claim.([]any)
	if !ok {
		return invalid("its channels are no list")
	}
	patterns := make([]wire.Pattern, len(list))
	for i, entry := range list {
		text, _ := entry.(string)
		var err error
		if patterns[i], err = wire.ParsePattern(text); err != nil {
			return invalid("its channels hold something else than patterns")
		}
	}
	return identity.Limited(patterns), nil
}

func invalid(why string) (Identity, error) {
	return Identity{}, fmt.Errorf("%w: %s", ErrInvalid, why)
}

// fault puts the libraries' errors into words for close reasons: theirs are long, and
// may quote the token. Where several apply, the first is the cause of the others.
func fault(err error) string {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(jwt.ErrTokenMalformed):
		return "it is no JWT"
	case is(errNoKeys), is(jwkset.ErrKeyNotFound):
		return "its key is unknown"
	case is(jwt.ErrTokenUnverifiable):
		return "its algorithm or key is not accepted"
	case is(jwt.ErrTokenSignatureInvalid):
		return "its signature is wrong, or its algorithm not accepted"
	case is(jwt.ErrTokenRequiredClaimMissing):
		return "a claim is missing"
	case is(jwt.ErrTokenExpired):
		return "expired"
	case is(jwt.ErrTokenNotValidYet):
		return "not valid yet"
	case is(jwt.ErrTokenUsedBeforeIssued):
		return "issued in the future"
	case is(jwt.ErrTokenInvalidIssuer):
		return "of another issuer"
	case is(jwt.ErrTokenInvalidAudience):
		return "for another audience"
	}
	return "a claim is of the wrong kind"
}
