package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Client talks to one runtime API. Its methods may be called from any goroutine.
type Client struct {
	network, address string
}

// MaxWeight is the highest weight that HAProxy takes (management.txt, "set weight").
const MaxWeight = 256

// answerTime bounds one command. HAProxy answers in milliseconds, or not at all.
const answerTime = 5 * time.Second

// New is a client of the API at a path (a unix socket) or at host:port.
func New(address string) (*Client, error) {
	address = strings.TrimPrefix(address, "unix:")
	if strings.HasPrefix(address, "/") {
		return &Client{"unix", address}, nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return nil, fmt.Errorf("HAProxy's runtime API cannot be %q: write the path of its socket, from /, or host:port", address)
	}
	return &Client{"tcp", address}, nil
}

// Server is what HAProxy says of one of its servers.
type Server struct {
	Backend, Name string
	Weight        int    // as set or configured, 0 to 256; slowstart is not in it
	Sessions      int    // connections to it that this process of HAProxy has, tunnels too
	Status        string // UP, DOWN, MAINT, DRAIN, "no check", or a transition such as "UP 1/2"
}

// Full is the server's name as commands have it: BACKEND/SERVER.
func (s Server) Full() string { return s.Backend + "/" + s.Name }

// Takes says whether HAProxy gives it new connections as far as its health goes. One with weight 0 is shown as in drain: what
// it lacks is the weight.
func (s Server) Takes() bool {
	return strings.HasPrefix(s.Status, "UP") || s.Status == "no check" || s.Status == "DRAIN" && s.Weight == 0
}

// View is the state of one process of HAProxy at one moment.
type View struct {
	PID     int // another one after a reload
	Version string
	Servers []Server // of all backends, in the configuration's order
}

// Server is the one called BACKEND/SERVER.
func (v View) Server(full string) (Server, bool) {
	for _, s := range v.Servers {
		if s.Full() == full {
			return s, true
		}
	}
	return Server{}, false
}

// View asks for it.
func (c *Client) View(ctx context.Context) (View, error) {
	answer, err := c.command(ctx, "show info;show stat -1 4 -1")
	if err != nil {
		return View{}, err
	}
	v, err := parseView(answer)
	if err != nil {
		return View{}, fmt.Errorf("ask HAProxy at %s for its servers: %w", c.address, err)
	}
	return v, nil
}

// SetWeight sets the weight of BACKEND/SERVER, 0 to [MaxWeight].
func (c *Client) SetWeight(ctx context.Context, full string, weight int) error {
	answer, err := c.command(ctx, fmt.Sprintf("set server %s weight %d", full, weight))
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer == "" {
		return nil
	}
	if strings.Contains(answer, "ermission denied") {
		answer += ` (its "stats socket" line needs "level admin")`
	}
	return fmt.Errorf("set the weight of %s to %d: HAProxy says: %s", full, weight, answer)
}

// command sends one line and reads the answer until HAProxy closes, as it does in its non-interactive mode.
func (c *Client) command(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return "", fmt.Errorf("reach HAProxy's runtime API: %w; is HAProxy up, and is this the address of its \"stats socket\"?", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", fmt.Errorf("ask HAProxy's runtime API: %w", err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return "", fmt.Errorf("read the answer of HAProxy's runtime API: %w", err)
	}
	return string(answer), nil
}

// parseView reads the lines "Name: value" of show info, and the CSV of show stat that follows them.
func parseView(answer string) (View, error) {
	info, table, found := strings.Cut(answer, "# pxname,")
	if !found {
		return View{}, fmt.Errorf("the answer has no table: %.200q", answer)
	}
	var v View
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "Pid":
			v.PID, _ = strconv.Atoi(value) // checked below
		case "Version":
			v.Version = value
		}
	}
	if v.PID == 0 {
		return View{}, errors.New("the answer has no Pid")
	}
	r := csv.NewReader(strings.NewReader("pxname," + table))
	r.FieldsPerRecord = -1 // 2.6 ends each line with a comma, later ones need not
	rows, err := r.ReadAll()
	if err != nil {
		return View{}, fmt.Errorf("read its table: %w", err)
	}
	at := map[string]int{}
	for i, name := range rows[0] {
		at[name] = i
	}
	for _, name := range []string{"pxname", "svname", "scur", "status", "uweight"} {
		if _, ok := at[name]; !ok {
			return View{}, fmt.Errorf("its table has no column %s: HAProxy 2.4 or later is needed", name)
		}
	}
	for _, row := range rows[1:] {
		if len(row) <= at["uweight"] {
			return View{}, fmt.Errorf("a line of its table is short: %.200q", row)
		}
		s := Server{Backend: row[at["pxname"]], Name: row[at["svname"]], Status: row[at["status"]]}
		if s.Sessions, err = strconv.Atoi(row[at["scur"]]); err != nil {
			return View{}, fmt.Errorf("sessions of %s: %w", s.Full(), err)
		}
		if s.Weight, err = strconv.Atoi(row[at["uweight"]]); err != nil {
			return View{}, fmt.Errorf("weight of %s: %w", s.Full(), err)
		}
		v.Servers = append(v.Servers, s)
	}
	return v, nil
}
