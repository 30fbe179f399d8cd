package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

const (
	keysEvery    = 15 * time.Minute // a revoked key is good for no longer
	keysFresh    = 5 * time.Second  // what such a set does not hold does not exist
	keysTimeout  = 3 * time.Second  // of one fetch
	keysRetryMin = time.Second      // after a failure, doubled each time
	keysRetryMax = time.Minute
	keysMaxBody  = 1 << 20
	rsaMinBits   = 2048 // RFC 7518, 3.3
)

// loadedKeys is one key set as it came; never changed.
type loadedKeys struct{ keyfunc keyfunc.Keyfunc }

// find returns the key a token names, or all for a token that names none.
func (l *loadedKeys) find(t *jwt.Token) (any, error) { return l.keyfunc.Keyfunc(t) }

// keySet keeps the newest key set. Its goroutine alone fetches; the others read
// what it published, and may ask for a newer one.
type keySet struct {
	url    *url.URL
	client *http.Client
	log    *slog.Logger
	set    atomic.Pointer[loadedKeys]

	stop context.CancelFunc
	done chan struct{} // closed when the goroutine has ended
	wake chan struct{} // capacity 1: a fetch is wanted now

	mu      sync.Mutex
	running chan struct{} // closed when the fetch wanted or under way has ended; nil: none
	began   time.Time     // of the last fetch that ended
	err     error         // how it ended
}

func newKeySet(ctx context.Context, u *url.URL, client *http.Client, log *slog.Logger) *keySet {
	ctx, stop := context.WithCancel(ctx)
	k := &keySet{
		url:     u,
		client:  client,
		log:     log.With("jwks_host", u.Host),
		stop:    stop,
		done:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		running: make(chan struct{}),
		err:     errNoKeys,
	}
	if client == nil {
		// A fetch in 15 minutes needs no connection kept for the next one.
		k.client = &http.Client{
			Transport: &http.Transport{
				Proxy:             http.ProxyFromEnvironment,
				ForceAttemptHTTP2: true,
				DisableKeepAlives: true,
			},
			CheckRedirect: noDowngrade,
		}
	}
	go k.run(ctx)
	return k
}

// maxRedirects of one fetch.
const maxRedirects = 5

// noDowngrade refuses redirects out of TLS: keys that can be changed on their way sign any token.
func noDowngrade(next *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return errors.New("redirected too often")
	case next.URL.Scheme == "http" && via[len(via)-1].URL.Scheme == "https":
		return errors.New("redirected from https to http")
	}
	return nil
}

func (k *keySet) close() {
	k.stop()
	<-k.done
}

// current may be called on nil, which has no keys.
func (k *keySet) current() *loadedKeys {
	if k == nil {
		return nil
	}
	return k.set.Load()
}

func (k *keySet) ready() error {
	if k.current() != nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return fmt.Errorf("load token keys from %s: %w", k.url.Host, k.err)
}

// refresh returns nil when the set is at most keysFresh old, fetching it if need
// be; callers share one fetch. After a failure it fails at once for as long.
func (k *keySet) refresh(ctx context.Context) error {
	for {
		k.mu.Lock()
		if k.running == nil && time.Since(k.began) < keysFresh {
			err := k.err
			k.mu.Unlock()
			return err
		}
		if k.running == nil {
			k.running = make(chan struct{})
			k.wake <- struct{}{} // has room: one per running, taken before it ends
		}
		running := k.running
		k.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return ctx.Err()
		case <-k.done:
			return errNoKeys
		}
	}
}

// run fetches at start, when asked, and from time to time.
func (k *keySet) run(ctx context.Context) {
	defer close(k.done)
	retry := keysRetryMin
	for {
		began := time.Now()
		set, err := k.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		next := keysEvery
		if err == nil {
			k.set.Store(set)
			retry = keysRetryMin
		} else {
			next = retry
			retry = min(2*retry, keysRetryMax)
		}
		k.finish(began, err)

		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-k.wake:
			timer.Stop()
		}
		k.start()
	}
}

// start marks a fetch as under way, asked for or not, so that callers join it.
func (k *keySet) start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running == nil {
		k.running = make(chan struct{})
	}
	select {
	case <-k.wake: // asked for just when it was due: this fetch is the answer
	default:
	}
}

func (k *keySet) finish(began time.Time, err error) {
	k.mu.Lock()
	before := k.err
	k.began, k.err = began, err
	close(k.running)
	k.running = nil
	k.mu.Unlock()
	// Only the change is worth a line: retries would repeat it for ever.
	switch {
	case err != nil && (before == nil || errors.Is(before, errNoKeys)):
		k.log.Warn("token keys cannot be fetched, the present ones stay", "loaded", k.current() != nil, "error", err)
	case err == nil && before != nil:
		k.log.Info("token keys loaded")
	}
}

// fetch gets and reads the key set. A set without a single key that could verify
// a token is an error: an endpoint's mishap must not lock everybody out.
func (k *keySet) fetch(ctx context.Context) (*loadedKeys, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := k.client.Do(req)
	if err != nil {
		// url.Error would quote the URL, which may hold a secret.
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, fmt.Errorf("get: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get: status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, keysMaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(body) > keysMaxBody {
		return nil, errors.New("read: larger than 1 MiB")
	}
	return readKeys(ctx, body)
}

// readKeys takes the keys of a JWK Set (RFC 7517, 5) that can verify a
// signature, and passes over the others, as the RFC asks: encryption keys,
// unknown kinds, RSA too short, and secrets, which do not belong there.
func readKeys(ctx context.Context, body []byte) (*loadedKeys, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("read: not a JSON key set")
	}
	storage := jwkset.NewMemoryStorage()
	usable := 0
	for _, raw := range doc.Keys {
		key, err := jwkset.NewJWKFromRawJSON(raw, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil || !verifies(key) {
			continue
		}
		if err := storage.KeyWrite(ctx, key); err != nil {
			return nil, fmt.Errorf("store key: %w", err)
		}
		usable++
	}
	if usable == 0 {
		return nil, fmt.Errorf("none of the %d keys can verify a token", len(doc.Keys))
	}
	// The context of find: reading from memory needs none that ends.
	kf, err := keyfunc.New(keyfunc.Options{Ctx: context.WithoutCancel(ctx), Storage: storage})
	if err != nil {
		return nil, fmt.Errorf("use keys: %w", err)
	}
	return &loadedKeys{keyfunc: kf}, nil
}

func verifies(key jwkset.JWK) bool {
	if use := key.Marshal().USE; use != "" && use != jwkset.UseSig {
		return false
	}
	switch k := key.Key().(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= rsaMinBits
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	default:
		return false
	}
}
