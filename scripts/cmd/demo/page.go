package main

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strconv"
	"time"

	"github.com/adred-codev/ws_poc/scripts/client"
)

//go:embed page
var page embed.FS

// facts are what the page has to know of this demo.
type facts struct {
	Servers     []string `json:"servers"`
	Symbols     []string `json:"symbols"` // the most popular first
	Events      []string `json:"events"`
	Conflated   []string `json:"conflated"` // events whose older messages may be passed over
	Rate        float64  `json:"rate"`
	Started     int64    `json:"started"`
	CutSeconds  int      `json:"cut_seconds"`
	SlowSeconds int      `json:"slow_seconds"`
	SlowBytes   int      `json:"slow_bytes"`
	MaxBehindMS int64    `json:"max_behind_ms"`
}

// handler serves the page and what its buttons do.
func handler(f facts, m *market, lines *Lines, servers fleets, board *board) http.Handler {
	f.Started = lines.started
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(client.Source)
	})
	mux.HandleFunc("GET /demo.json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, f) })
	mux.Handle("GET /feed/last", m)
	mux.Handle("GET /ws", lines)
	mux.HandleFunc("GET /line/{id}", lines.show)
	mux.HandleFunc("POST /line/{id}/{condition}", lines.set)
	mux.HandleFunc("POST /line/{id}/to/{server}", lines.turn)
	mux.Handle("GET /servers", board)
	mux.Handle("POST /drain", servers)
	// Another site's page in the same browser must not cut lines here.
	return noStore(http.NewCrossOriginProtection().Handler(mux))
}

func noStore(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

func (ls *Lines) show(w http.ResponseWriter, r *http.Request) {
	l, err := ls.get(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	ls.write(w, l)
}

// maxSeconds bounds how long a line may be cut or slow: a page that goes away meanwhile leaves nothing behind.
const maxSeconds = 60

func (ls *Lines) set(w http.ResponseWriter, r *http.Request) {
	c := Condition(r.PathValue("condition"))
	seconds := 0
	switch c {
	case Cut:
		seconds = cutSeconds
	case Slow:
		seconds = slowSeconds
	case Normal:
	default:
		http.Error(w, "a line is cut, slow or normal", http.StatusNotFound)
		return
	}
	if s := r.URL.Query().Get("seconds"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxSeconds {
			http.Error(w, "seconds: want 1 to 60", http.StatusBadRequest)
			return
		}
		seconds = n
	}
	l, err := ls.get(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	l.Set(c, time.Duration(seconds)*time.Second)
	ls.write(w, l)
}

func (ls *Lines) turn(w http.ResponseWriter, r *http.Request) {
	server := r.PathValue("server")
	if _, ok := ls.upstream(server); !ok {
		http.Error(w, "no such server", http.StatusNotFound)
		return
	}
	l, err := ls.get(r.PathValue("id"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	l.Turn(server)
	ls.write(w, l)
}

func (ls *Lines) write(w http.ResponseWriter, l *Line) {
	c, left, last := l.Condition()
	writeJSON(w, map[string]any{
		"condition": c, "left_ms": left.Milliseconds(), "name": last.Name, "server": last.Number, "started": ls.started,
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the other side is gone, or the types here cannot be encoded, which tests see
}
