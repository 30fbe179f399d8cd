package fault

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// closes are what the server did to connections.
type closes struct {
	closed  int           // connections that it closed
	full    int           // of them, those with bytes that the client had not taken
	slowest time.Duration // the longest that nothing moved on one before it was closed
}

// lookEvery is how often things are looked at that cost those who are looked at: the kernel's table takes tens of milliseconds
// where many tests have connections, and metrics are the server's own work.
const lookEvery = 500 * time.Millisecond

// watchSockets looks at the server's side of the connections that come from a network, in the kernel's own table, until
// stop.
func (t *T) watchSockets(s *stage.Server, from net.IPNet) (stop func() closes) {
	port := t.port(s)
	type socket struct {
		queue uint64
		since time.Time // when it last changed: the server put bytes in, or the client's kernel took some
	}
	var (
		mu     sync.Mutex
		open   = map[string]*socket{}
		seen   closes
		failed error
	)
	look := func() {
		rows, err := tcpTable(port, from)
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = err
			return
		}
		for peer, sock := range open {
			if row, there := rows[peer]; !there || row.state != tcpEstablished {
				seen.closed++
				if sock.queue > 0 {
					seen.full++
				}
				seen.slowest = max(seen.slowest, now.Sub(sock.since))
				delete(open, peer)
			}
		}
		for peer, row := range rows {
			if row.state != tcpEstablished {
				continue
			}
			sock := open[peer]
			if sock == nil {
				open[peer] = &socket{row.queue, now}
			} else if row.queue != sock.queue {
				*sock = socket{row.queue, now}
			}
		}
	}
	end := t.every(lookEvery, look)
	return func() closes {
		end()
		look() // what has been closed since the last time
		mu.Lock()
		defer mu.Unlock()
		if failed != nil {
			t.Fatal(failed)
		}
		return seen
	}
}

// established is how many connections from a network are open, as the server's side has it.
func (t *T) established(s *stage.Server, from net.IPNet) (n int) {
	rows, err := tcpTable(t.port(s), from)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.state == tcpEstablished {
			n++
		}
	}
	return n
}

// port is the server's public one.
func (t *T) port(s *stage.Server) int {
	_, text, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

const tcpEstablished = 1 // of include/net/tcp_states.h

// row is a socket of the kernel's table.
type row struct {
	state uint64
	queue uint64 // bytes that the peer has not acknowledged
}

// tcpTable reads /proc/net/tcp (proc_net_tcp.txt): the sockets of a local port whose peer is in a network, by the peer.
func tcpTable(port int, from net.IPNet) (map[string]row, error) {
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return nil, fmt.Errorf("look at sockets: %w", err)
	}
	rows := map[string]row{}
	local := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || !strings.HasSuffix(fields[1], local) {
			continue
		}
		// An address is the number that its bytes in network order are on this machine.
		address, err := hex.DecodeString(strings.SplitN(fields[2], ":", 2)[0])
		if err != nil || len(address) != net.IPv4len {
			continue
		}
		ip := make(net.IP, net.IPv4len)
		binary.NativeEndian.PutUint32(ip, binary.BigEndian.Uint32(address))
		state, err1 := strconv.ParseUint(fields[3], 16, 8)
		queue, err2 := strconv.ParseUint(strings.SplitN(fields[4], ":", 2)[0], 16, 64)
		if from.Contains(ip) && err1 == nil && err2 == nil {
			rows[fields[2]] = row{state, queue}
		}
	}
	return rows, nil
}
