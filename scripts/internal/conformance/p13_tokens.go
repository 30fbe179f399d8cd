package conformance

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

const (
	tokenSecret = "a-secret-of-at-least-thirty-two-bytes!"
	// connectionsPerSub is WS_MAX_CONNECTIONS_PER_SUB of withTokens.
	connectionsPerSub = 4

	later = time.Hour
	past  = -time.Hour
)

// withTokens are the settings of the server that asks for tokens. Its log has all there is, for what must not be in it.
var withTokens = stage.Settings{
	"WS_JWT_SECRET": tokenSecret, "WS_JWT_ISSUER": "issuer", "WS_JWT_AUDIENCE": "feed", "WS_ALLOW_NO_ORIGIN": "false",
	"WS_MAX_CONNECTIONS_PER_SUB": "4", "WS_COMMANDS_PER_S": "100", "LOG_LEVEL": "debug",
}

// who are the claims of a good token of a subject that ends in a while.
func who(sub string, in time.Duration) jwt.MapClaims {
	return jwt.MapClaims{"sub": sub, "exp": time.Now().Add(in).Unix(), "iss": "issuer", "aud": "feed"}
}

// claimed are the claims with one more, or without it if it is nil.
func claimed(claims jwt.MapClaims, name string, value any) jwt.MapClaims {
	claims = maps.Clone(claims)
	if claims[name] = value; value == nil {
		delete(claims, name)
	}
	return claims
}

// token signs claims as the server of withTokens expects it.
func token(t *T, claims jwt.MapClaims) string {
	return signed(t, jwt.SigningMethodHS256, []byte(tokenSecret), claims, nil)
}

// signed signs claims with any key, and header fields more.
func signed(t *T, method jwt.SigningMethod, key any, claims jwt.MapClaims, header map[string]any) string {
	tk := jwt.NewWithClaims(method, claims)
	maps.Copy(tk.Header, header)
	s, err := tk.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// handmade is a token of any header and claims with a signature as it is told.
func handmade(t *T, header, claims map[string]any, signature string) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(header) + "." + part(claims) + "." + signature
}

// bearer brings a token as a program does.
func bearer(token string) check.Options {
	return check.Options{Header: http.Header{"Authorization": {"Bearer " + token}}}
}

// browser brings it as a page of the server's own host must.
func browser(s *stage.Server, token string) check.Options {
	return check.Options{Header: stage.Origin("http://" + s.Addr), Subprotocols: []string{"ws.v1", "bearer." + token}}
}

// signature is the part of a token that is nobody else's.
func signature(token string) string { return token[strings.LastIndexByte(token, '.')+1:] }

// verdict connects and says what became of it: welcome, the close code, or the status of the refusal.
func verdict(t *T, s *stage.Server, o check.Options) string {
	client, err := check.Dial(stage.Within(t), s.URL(), o)
	if err != nil {
		return outcome(t, err)
	}
	defer client.Abort()
	f, err := client.Next(stage.Within(t))
	if err != nil {
		return outcome(t, err)
	}
	if f.Type != "welcome" {
		t.Errorf("the first message is %s", f)
	}
	return f.Type
}

// outcome puts a connection's end in words: its close code, or the status of a refusal.
func outcome(t *T, err error) string {
	var refusal *check.Refusal
	var end *websocket.CloseError
	switch {
	case errors.As(err, &refusal):
		return strconv.Itoa(refusal.StatusCode)
	case errors.As(err, &end):
		return strconv.Itoa(end.Code)
	}
	t.Errorf("the connection ended with %v", err)
	return err.Error()
}
