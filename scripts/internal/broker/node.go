package broker

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// node is a directory that a broker runs in: its properties, data and log.
type node struct {
	dir        string
	port       int    // clients
	controller int    // KRaft, this node only
	sasl       int    // clients by SCRAM and TLS; 0: no secured listeners
	mutual     int    // clients by TLS with a certificate of their own; 0 as well
	second     int    // clients of the second plain listener; 0: none
	advertised string // where that one sends its clients; "": to itself
}

func (n node) addr() string       { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)) }
func (n node) properties() string { return filepath.Join(n.dir, "server.properties") }
func (n node) logFile() string    { return filepath.Join(n.dir, "broker.log") }
func (n node) pidFile() string    { return filepath.Join(n.dir, "pid") }
func (n node) formatted() bool    { return isDir(filepath.Join(n.dir, "data")) }

// plainListeners and those after it are what write writes and readNode reads.
const (
	plainListeners   = "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d"
	securedListeners = ",SASL://127.0.0.1:%d,MUTUAL://127.0.0.1:%d"
	secondListener   = ",SECOND://"
)

// write writes server.properties. Topics are only made on purpose, and the
// internal topics are kept small: a development broker has one client or ten.
func (n node) write() error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return fmt.Errorf("make broker directory: %w", err)
	}
	listeners := fmt.Sprintf(plainListeners, n.port, n.controller)
	protocols := "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"
	if n.sasl > 0 {
		listeners += fmt.Sprintf(securedListeners, n.sasl, n.mutual)
		protocols += ",SASL:SASL_SSL,MUTUAL:SSL"
	}
	advertised := listeners
	if n.second > 0 {
		own := net.JoinHostPort("127.0.0.1", strconv.Itoa(n.second))
		listeners += secondListener + own
		advertised += secondListener + cmp.Or(n.advertised, own)
		protocols += ",SECOND:PLAINTEXT"
	}
	lines := []string{
		"process.roles=broker,controller",
		"node.id=1",
		fmt.Sprintf("controller.quorum.bootstrap.servers=127.0.0.1:%d", n.controller),
		"listeners=" + listeners,
		"advertised.listeners=" + advertised,
		"controller.listener.names=CONTROLLER",
		"listener.security.protocol.map=" + protocols,
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + filepath.Join(n.dir, "data"),
		"num.partitions=12",
		"auto.create.topics.enable=false",
		"offsets.topic.num.partitions=1",
		"offsets.topic.replication.factor=1",
		"transaction.state.log.num.partitions=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
	}
	if n.sasl > 0 {
		lines = append(lines, n.securedLines()...)
	}
	text := strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(n.properties(), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write server.properties: %w", err)
	}
	if err := os.WriteFile(filepath.Join(n.dir, "log4j2.yaml"), log4j, 0o644); err != nil {
		return fmt.Errorf("write log4j2.yaml: %w", err)
	}
	return nil
}

// readNode reads back what write wrote.
func readNode(dir string) (node, error) {
	n := node{dir: dir}
	text, err := os.ReadFile(n.properties())
	if err != nil {
		return n, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "advertised.listeners="); ok {
			_, n.advertised, _ = strings.Cut(rest, secondListener)
		}
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "listeners="); ok {
			format, ports := plainListeners, []any{&n.port, &n.controller}
			if strings.Contains(rest, "SASL://") {
				format, ports = format+securedListeners, append(ports, &n.sasl, &n.mutual)
			}
			rest, second, has := strings.Cut(rest, secondListener)
			if has {
				if _, err := fmt.Sscanf(second, "127.0.0.1:%d", &n.second); err != nil {
					return n, fmt.Errorf("parse %s: %w", n.properties(), err)
				}
			}
			if _, err := fmt.Sscanf(rest, format, ports...); err != nil {
				return n, fmt.Errorf("parse %s: %w", n.properties(), err)
			}
			return n, nil
		}
	}
	return n, fmt.Errorf("parse %s: no listeners", n.properties())
}

// pid returns the process that runs in the directory, 0 when none does. A
// number left over from a dead broker may be another program's by now, so the
// command line must name this node's properties.
func (n node) pid() int {
	text, err := os.ReadFile(n.pidFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(cmdline), n.properties()) {
		return 0
	}
	return pid
}

// logTail returns the end of the broker's log, for an error message.
func (n node) logTail() string {
	text, err := os.ReadFile(n.logFile())
	if err != nil {
		return ""
	}
	if strings.Contains(string(text), "UnsupportedClassVersionError") {
		return "this java is too old: Kafka needs Java 17 or newer (Debian: apt-get install openjdk-17-jre-headless)"
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// clusterID makes a Kafka Uuid: 16 random bytes in URL-safe base64. Kafka's
// own tool avoids a leading dash, which its argument parser reads as an option.
func clusterID() string {
	for {
		var b [16]byte
		rand.Read(b[:])
		if id := base64.RawURLEncoding.EncodeToString(b[:]); id[0] != '-' {
			return id
		}
	}
}

// freePorts returns n different ports that nobody listens on now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// ErrPortBusy says that something else listens on the port that was asked for.
var ErrPortBusy = errors.New("port is in use by another program")

func checkPort(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("port %d: %w", port, ErrPortBusy)
	}
	return l.Close()
}
