package auth

import (
	"net/http"
	"strings"
	"testing"
)

func TestBearer(t *testing.T) {
	type h = http.Header
	for name, test := range map[string]struct {
		header h
		want   string
	}{
		"nothing":                      {h{}, ""},
		"authorization":                {h{"Authorization": {"Bearer a.b.c"}}, "a.b.c"},
		"scheme in any case":           {h{"Authorization": {"bEARER a.b.c"}}, "a.b.c"},
		"more blanks":                  {h{"Authorization": {"Bearer   a.b.c "}}, "a.b.c"},
		"a scheme alone":               {h{"Authorization": {"Bearer"}}, ""},
		"another scheme":               {h{"Authorization": {"Basic YTpi"}}, ""},
		"a word like it":               {h{"Authorization": {"Bearera.b.c"}}, ""},
		"two tokens":                   {h{"Authorization": {"Bearer a.b.c", "Bearer d.e.f"}}, ""},
		"a token and a password":       {h{"Authorization": {"Basic YTpi", "Bearer a.b.c"}}, "a.b.c"},
		"subprotocol":                  {h{"Sec-Websocket-Protocol": {"ws.v1, bearer.a.b.c"}}, "a.b.c"},
		"the other way round":          {h{"Sec-Websocket-Protocol": {"bearer.a.b.c,ws.v1"}}, "a.b.c"},
		"two lines":                    {h{"Sec-Websocket-Protocol": {"bearer.a.b.c", "ws.v1"}}, "a.b.c"},
		"among others":                 {h{"Sec-Websocket-Protocol": {"mqtt ,\tws.v1 , bearer.a.b.c, x"}}, "a.b.c"},
		"without ws.v1":                {h{"Sec-Websocket-Protocol": {"bearer.a.b.c"}}, ""},
		"ws.v1 alone":                  {h{"Sec-Websocket-Protocol": {"ws.v1"}}, ""},
		"two subprotocols":             {h{"Sec-Websocket-Protocol": {"ws.v1, bearer.a, bearer.b"}}, ""},
		"the same twice":               {h{"Sec-Websocket-Protocol": {"ws.v1, bearer.a, bearer.a"}}, ""},
		"an empty token":               {h{"Sec-Websocket-Protocol": {"ws.v1, bearer."}}, ""},
		"names are case-sensitive":     {h{"Sec-Websocket-Protocol": {"ws.v1, Bearer.a"}}, ""},
		"both: the header":             {h{"Authorization": {"Bearer a"}, "Sec-Websocket-Protocol": {"ws.v1, bearer.b"}}, "a"},
		"an empty header is no excuse": {h{"Authorization": {"Bearer "}, "Sec-Websocket-Protocol": {"ws.v1, bearer.b"}}, ""},
		"a proxy's password":           {h{"Authorization": {"Basic YTpi"}, "Sec-Websocket-Protocol": {"ws.v1, bearer.b"}}, "b"},
		"not from the query":           {h{"X-Authorization": {"Bearer a"}, "Cookie": {"token=a"}}, ""},
	} {
		r := &http.Request{Header: test.header}
		if got := Bearer(r); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer a.b.c", "ws.v1", "bearer.a.b.c")
	f.Add("Basic YTpi", "ws.v1, bearer.x", "")
	f.Add("", ",,bearer. , ws.v1", "bearer.,")
	f.Fuzz(func(t *testing.T, credentials, first, second string) {
		r := &http.Request{Header: http.Header{"Authorization": {credentials}, "Sec-Websocket-Protocol": {first, second}}}
		token := Bearer(r)
		if token == "" {
			return
		}
		fromHeader := len(credentials) > 7 && strings.EqualFold(credentials[:7], "Bearer ") && strings.HasSuffix(strings.TrimSpace(credentials), token)
		lists := first + "," + second
		fromList := strings.Contains(lists, "bearer."+token) && strings.Contains(lists, "ws.v1") && !strings.Contains(token, ",")
		if !fromHeader && !fromList {
			t.Errorf("%q stands in none of %q, %q, %q", token, credentials, first, second)
		}
	})
}
