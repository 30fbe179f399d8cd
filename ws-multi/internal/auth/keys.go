package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// keysRefresh is how often the keys are fetched without being asked: how long
	// a key that the issuer has withdrawn can still be good here.
	keysRefresh = 15 * time.Minute
	// keysSettled is how long the outcome of a fetch is the last word: the shortest
	// time between two fetches that tokens can cause.
	keysSettled = 5 * time.Second
	// keysTimeout bounds one fetch.
	keysTimeout = 3 * time.Second
	// After failures, the next try comes after a pause that doubles between these.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second

	longestKeySet = 1 << 20 // bytes
	shortestRSA   = 2048    // bits (RFC 7518, section 3.3)
)

// A keyring is the outcome of the fetches so far. It is never changed; the newest
// is published, and knows when it has been replaced.
type keyring struct {
	lookup   jwt.Keyfunc   // of the newest set that could be had; nil: none so far
	err      error         // of the last fetch; the set is then an older one
	settled  time.Time     // until then err, or what the set lacks, is the last word
	replaced chan struct{} // closed after a newer one was published
}

func (k *keyring) isSettled() bool { return time.Now().Before(k.settled) }

// keys keeps an issuer's key set. One goroutine, run, fetches and publishes;
// everybody else reads what is published, and may ask for a fetch.
type keys struct {
	url    *url.URL
	client *http.Client
	log    *slog.Logger

	ring   atomic.Pointer[keyring] // never nil; stored by run only
	wanted chan struct{}           // capacity 1: somebody waits for a newer ring
	stop   context.CancelFunc
	ended  chan struct{} // closed when run has returned
}

func startKeys(ctx context.Context, u *url.URL, client *http.Client, log *slog.Logger) *keys {
	if client == nil {
		client = &http.Client{
			// A connection kept open for the next quarter of an hour serves nobody.
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true},
			CheckRedirect: staySecure,
		}
	}
	k := &keys{url: u, client: client, log: log.With("jwks_host", u.Host), wanted: make(chan struct{}, 1), ended: make(chan struct{})}
	k.ring.Store(&keyring{err: errors.New("the first fetch has not ended yet"), replaced: make(chan struct{})})
	ctx, k.stop = context.WithCancel(ctx)
	go k.run(ctx)
	return k
}

// staySecure keeps a redirect from fetching in the clear what was asked for over
// TLS: whoever can change the keys on their way can sign any token.
func staySecure(r *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("too many redirects")
	}
	if via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("redirected from https to " + r.URL.Scheme)
	}
	return nil
}

// settle waits until the published ring is settled, asking for a fetch if need be,
// and reports whether it came to that: false if ctx or the fetching ended first.
func (k *keys) settle(ctx context.Context) bool {
	for {
		ring := k.ring.Load()
		if ring.isSettled() {
			return true
		}
		// If there is no room, somebody's wish is not yet seen, and it is the same.
		select {
		case k.wanted <- struct{}{}:
		default:
		}
		select {
		case <-ring.replaced:
		case <-ctx.Done():
			return false
		case <-k.ended:
			return false
		}
	}
}

// run fetches at the start, then from time to time and when somebody waits.
func (k *keys) run(ctx context.Context) {
	defer close(k.ended)
	retry := firstRetry
	for {
		pause := keysRefresh
		if !k.renew(ctx) {
			pause, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		if !k.rest(ctx, pause) {
			return
		}
	}
}

// rest returns true when it is time for a fetch: after the pause, or earlier for
// one who waits; false when ctx is done. A wish that came before the present ring
// was published may still lie in wanted: whoever had it has been answered.
func (k *keys) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-k.wanted:
			if !k.ring.Load().isSettled() {
				return true
			}
		}
	}
}

// renew fetches once and publishes the outcome; false: it failed.
func (k *keys) renew(ctx context.Context) bool {
	before := k.ring.Load()
	after := &keyring{lookup: before.lookup, replaced: make(chan struct{})}
	// What the issuer published after the request left may be missing in the answer.
	asked := time.Now()
	lookup, err := k.fetch(ctx)
	if ctx.Err() != nil {
		return false // ended names it to those who wait
	}
	if err == nil {
		after.lookup, after.settled = lookup, asked.Add(keysSettled)
	} else {
		// Counted from the end, or one that hangs would be asked again at once.
		after.err, after.settled = err, time.Now().Add(keysSettled)
	}
	k.ring.Store(after)
	close(before.replaced)

	// A line when it turns, not one for each try in between.
	first := before.settled.IsZero()
	switch {
	case err != nil && (first || before.err == nil):
		k.log.Warn("token keys cannot be fetched, trying on; the keys at hand stay in use", "at_hand", after.lookup != nil, "error", err)
	case err == nil && (first || before.err != nil):
		k.log.Info("token keys fetched")
	}
	return err == nil
}

// fetch gets the key set. An answer without one usable key is a failure as any
// other: what goes wrong at the issuer must not lock everybody out.
func (k *keys) fetch(ctx context.Context) (jwt.Keyfunc, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url.String(), nil)
	if err != nil {
		return nil, errors.New("make request: the URL cannot be used")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json;q=0.9")
	answer, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for key set: %w", withoutURL(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for key set: answered with status %d", answer.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(answer.Body, longestKeySet+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read key set: %w", err)
	case len(document) > longestKeySet:
		return nil, fmt.Errorf("read key set: it has more than %d bytes", longestKeySet)
	}
	return parseKeys(document)
}

// withoutURL takes the URL out of a client's error: it may hold a password.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// parseKeys reads a JWK Set (RFC 7517, section 5). Keys that cannot verify a
// token's signature are left out, as the RFC asks: one that this server does not
// understand must not cost the others.
func parseKeys(document []byte) (jwt.Keyfunc, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("read key set: it is not one")
	}
	var usable []jwkset.JWK
	for _, text := range set.Keys {
		key, err := jwkset.NewJWKFromRawJSON(text, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err == nil && canVerify(key) {
			usable = append(usable, key)
		}
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("read key set: of its %d keys none can verify a signature", len(set.Keys))
	}
	ctx := context.Background() // the store is memory: there is nothing to wait for
	store := jwkset.NewMemoryStorage()
	if err := store.KeyReplaceAll(ctx, usable); err != nil {
		return nil, fmt.Errorf("keep key set: %w", err)
	}
	ring, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: store})
	if err != nil {
		return nil, fmt.Errorf("keep key set: %w", err)
	}
	return ring.Keyfunc, nil
}
