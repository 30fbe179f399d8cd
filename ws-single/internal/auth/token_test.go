package auth

import (
	"net/http"
	"strings"
	"testing"
)

func TestBearer(t *testing.T) {
	type header = http.Header
	const auth, proto = "Authorization", "Sec-Websocket-Protocol"
	for _, tc := range []struct {
		name string
		h    header
		want string
		via  bool
	}{
		{"none", header{}, "", false},
		{"authorization", header{auth: {"Bearer a.b-c_d"}}, "a.b-c_d", false},
		{"its scheme in any case", header{auth: {"bEARER a.b.c"}}, "a.b.c", false},
		{"several spaces", header{auth: {"Bearer   a.b.c "}}, "a.b.c", false},
		{"padding", header{auth: {"Bearer YQ=="}}, "YQ==", false},
		{"another scheme", header{auth: {"Basic a.b.c"}}, "", false},
		{"no token", header{auth: {"Bearer"}}, "", false},
		{"an empty token", header{auth: {"Bearer "}}, "", false},
		{"only padding", header{auth: {"Bearer =="}}, "", false},
		{"two tokens in one", header{auth: {"Bearer a b"}}, "", false},
		{"two headers", header{auth: {"Bearer a", "Bearer b"}}, "", false},
		{"bad characters", header{auth: {"Bearer a\x00b"}}, "", false},
		{"not ASCII", header{auth: {"Bearer ä"}}, "", false},
		{"too long", header{auth: {"Bearer " + strings.Repeat("a", maxToken+1)}}, "", false},
		{"as long as may be", header{auth: {"Bearer " + strings.Repeat("a", maxToken)}}, strings.Repeat("a", maxToken), false},
		{"subprotocol", header{proto: {"ws.v1, bearer.a.b.c"}}, "a.b.c", true},
		{"subprotocol first", header{proto: {"bearer.a.b.c,ws.v1"}}, "a.b.c", true},
		{"two lines", header{proto: {"bearer.a.b.c", "\tws.v1 "}}, "a.b.c", true},
		{"among others", header{proto: {"soap, ws.v1, bearer.t, ws.v2,,"}}, "t", true},
		{"not beside ws.v1", header{proto: {"bearer.a.b.c"}}, "", false},
		{"beside another", header{proto: {"ws.v2, bearer.a.b.c"}}, "", false},
		{"names are case-sensitive", header{proto: {"ws.v1, Bearer.a.b.c"}}, "", false},
		{"two of them", header{proto: {"ws.v1, bearer.a, bearer.b"}}, "", false},
		{"empty", header{proto: {"ws.v1, bearer."}}, "", false},
		{"no token", header{proto: {"ws.v1"}}, "", false},
		{"authorization goes first", header{auth: {"Bearer a"}, proto: {"ws.v1, bearer.b"}}, "a", false},
		{"and decides", header{auth: {"Bearer"}, proto: {"ws.v1, bearer.b"}}, "", false},
		{"but for another scheme", header{auth: {"Basic a"}, proto: {"ws.v1, bearer.b"}}, "b", true},
		{"beside another scheme", header{auth: {"Basic a", "Bearer b"}}, "b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, via := Bearer(&http.Request{Header: tc.h})
			if got != tc.want || via != tc.via {
				t.Errorf("%q, %v; want %q, %v", got, via, tc.want, tc.via)
			}
		})
	}
}

// FuzzBearer: a token that is found is one, and stands in the header.
func FuzzBearer(f *testing.F) {
	f.Add("Bearer a.b.c", "ws.v1, bearer.d.e.f", true)
	f.Add("Basic x", "bearer.a,ws.v1,bearer.b", false)
	f.Add("", " ws.v1 ,\tbearer.YQ==", false)
	f.Add("Basic x", "ws.v1,bearer.a", true)
	f.Fuzz(func(t *testing.T, auth, proto string, withAuth bool) {
		r := &http.Request{Header: http.Header{"Sec-Websocket-Protocol": {proto}}}
		if withAuth {
			r.Header["Authorization"] = []string{auth}
		}
		token, via := Bearer(r)
		source := auth
		if via {
			source = proto
		}
		if token == "" {
			if via {
				t.Fatal("no token, but by subprotocol")
			}
			return
		}
		// Authorization goes first, unless it is of another scheme.
		scheme, _, _ := strings.Cut(auth, " ")
		first := withAuth && strings.EqualFold(scheme, "Bearer")
		if !validToken(token) || !strings.Contains(source, token) || via == first {
			t.Fatalf("%q (by subprotocol %v) from %q, %q", token, via, auth, proto)
		}
	})
}
