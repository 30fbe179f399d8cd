package rollout

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// admin is the admin address of an instance, as far as a site asks it; the real ones are asked in cmd/rollout.
type admin struct {
	*httptest.Server
	page string // its metrics

	mu    sync.Mutex
	asked []string
}

func newAdmin(t *testing.T, page string) *admin {
	t.Helper()
	a := &admin{page: page}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/metrics":
			fmt.Fprint(w, a.page)
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.RawQuery == "":
			w.WriteHeader(http.StatusBadRequest)
		default:
			a.mu.Lock()
			defer a.mu.Unlock()
			a.asked = append(a.asked, r.Method+" "+r.URL.String())
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `{"connections":%s,"rate":1}`, r.FormValue("connections"))
		}
	}))
	t.Cleanup(a.Close)
	return a
}

func connections(n int) string {
	return fmt.Sprintf("# TYPE ws_connections gauge\nws_connections %d\n", n)
}

// haproxyThatSays answers each command with the same.
func haproxyThatSays(t *testing.T, answer string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000))
			_, _ = c.Write([]byte(answer))
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); ended.Wait() })
	return l.Addr().String()
}

// A side of several instances is one: its connections are added, and each instance sheds in proportion, at its part of the pace.
func TestSeveralInstances(t *testing.T) {
	a1, a2, b := newAdmin(t, connections(300)), newAdmin(t, connections(100)), newAdmin(t, connections(7))
	lb := haproxyThatSays(t, "Pid: 9\n\n# pxname,svname,scur,status,uweight,\nws,a1,290,UP,85,\nws,a2,0,DOWN,85,\nws,b,7,UP,255,\n\n")
	p := &Plan{
		Incumbent:  Side{Name: "a", Instances: []Instance{{"ws/a1", a1.URL}, {"ws/a2", a2.URL + "/"}}},
		Challenger: Side{Name: "b", Instances: []Instance{{"ws/b", b.URL}}}, HAProxy: lb, Prometheus: "http://x",
	}
	site, done, err := NewSite(p, "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	s := site.Look(t.Context())
	if s.Live != (Count{400, 7}) || s.Known != (Count{290, 7}) || s.PID != 9 || !s.Takes[Incumbent] || !s.Takes[Challenger] || s.Balancer != "" || s.Weights["ws/a2"] != 85 {
		t.Errorf("it sees %+v", s)
	}
	if n, err := site.Shed(t.Context(), Incumbent, 100, 20); err != nil || n != 100 {
		t.Errorf("%d, %v", n, err)
	}
	if got := strings.Join(append(a1.asked, a2.asked...), " "); got != "POST /rebalance?connections=75&rate=15.000 POST /rebalance?connections=25&rate=5.000" {
		t.Errorf("it asked for %s", got)
	}
	if err := site.May(t.Context()); err != nil {
		t.Error(err)
	}
	other, done, err := NewSite(p, "")
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := other.May(t.Context()); err == nil || !strings.Contains(err.Error(), "set WS_ADMIN_TOKEN") {
		t.Errorf("without a token: %v", err)
	}
}

// What cannot be seen says why.
func TestLookSaysWhy(t *testing.T) {
	const table = "Pid: 9\n\n# pxname,svname,scur,status,uweight,\nws,a,1,UP,1,\nws,b,2,%s,%d,\n\n"
	good := newAdmin(t, connections(5))
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, c := range []struct {
		name, admin, lb string
		balancer, why   string
		takes           bool
	}{
		{name: "all is well", admin: good.URL, lb: fmt.Sprintf(table, "UP", 1), takes: true},
		{name: "weight 0 is no drain", admin: good.URL, lb: fmt.Sprintf(table, "DRAIN", 0), takes: true},
		{name: "drained by hand", admin: good.URL, lb: fmt.Sprintf(table, "DRAIN", 5), why: "HAProxy has ws/b as DRAIN"},
		{name: "down", admin: good.URL, lb: fmt.Sprintf(table, "DOWN", 5), why: "HAProxy has ws/b as DOWN"},
		{name: "no such server", admin: good.URL, lb: strings.ReplaceAll(fmt.Sprintf(table, "UP", 5), "ws,b", "ws,c"), balancer: "HAProxy has no server ws/b: write server in the plan"},
		{name: "no admin", admin: gone.URL, lb: fmt.Sprintf(table, "UP", 1), why: "connection refused"},
		{name: "another program", admin: newAdmin(t, "# TYPE up gauge\nup 1\n").URL, lb: fmt.Sprintf(table, "UP", 1), why: "has no ws_connections"},
		{name: "no HAProxy", admin: good.URL, lb: "what?\n", balancer: "ask HAProxy at"},
	} {
		p := &Plan{
			Incumbent:  Side{Name: "a", Instances: []Instance{{"ws/a", good.URL}}},
			Challenger: Side{Name: "b", Instances: []Instance{{"ws/b", c.admin}}}, HAProxy: haproxyThatSays(t, c.lb), Prometheus: "http://x",
		}
		site, done, err := NewSite(p, "")
		if err != nil {
			t.Fatal(err)
		}
		s := site.Look(t.Context())
		done()
		if !strings.Contains(s.Balancer, c.balancer) || c.balancer == "" && s.Balancer != "" || !strings.Contains(s.Why[Challenger], c.why) ||
			s.Takes[Challenger] != c.takes || c.balancer == "" && !s.Takes[Incumbent] {
			t.Errorf("%s: %+v", c.name, s)
		}
	}
}
