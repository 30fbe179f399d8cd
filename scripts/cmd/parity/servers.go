package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/treehash"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// server is one of the two, and what it is of.
type server struct {
	name, url    string
	commit, tree string
	noTree       string        // why tree is ""
	process      *stage.Server // nil: it ran before
}

// running are servers that were there before. What they are of they tell themselves, at their admin address.
func (o *options) running(ctx context.Context) (two [2]*server, err error) {
	root, err := variant.Root()
	if err != nil {
		return two, err
	}
	for i, name := range variants {
		s := &server{name: name, url: o.urls[name]}
		two[i] = s
		if o.admins[name] == "" {
			s.noTree = "without --admin the server cannot be asked for its commit"
			continue
		}
		if s.commit, err = commitOf(ctx, name, o.admins[name]); err != nil {
			return two, err
		}
		if !isCommit(s.commit) {
			s.noTree = fmt.Sprintf("the server says that its commit is %q", s.commit)
		} else if s.tree, err = treehash.At(ctx, root, s.commit, name); err != nil {
			s.noTree = fmt.Sprintf("the server says that it is of commit %s: %v", s.commit, err)
		}
	}
	return two, nil
}

// commitOf asks a server for its commit.
func commitOf(ctx context.Context, name, admin string) (string, error) {
	resp, err := variant.Do(ctx, http.MethodGet, "http://"+admin+"/version", nil)
	if err != nil {
		return "", fmt.Errorf("--admin %s=%s: %w", name, admin, err)
	}
	var said struct{ Name, Commit string }
	if err := json.Unmarshal(resp.Body, &said); err != nil || said.Name == "" {
		return "", fmt.Errorf("--admin %s=%s: /version says %.100s: is it the server's admin address?", name, admin, resp.Body)
	}
	if said.Name != name {
		return "", fmt.Errorf("--admin %s=%s: the server there is %s", name, admin, said.Name)
	}
	return said.Commit, nil
}

// isCommit says whether a text is the hash of a commit; with changes, or unknown, it is not.
func isCommit(s string) bool {
	return len(s) >= 7 && strings.Trim(s, "0123456789abcdef") == ""
}

// start builds both variants and starts them on the topics. The caller ends those that are returned, also with an error.
func (o *options) start(ctx context.Context, topics []wire.Topic, stderr io.Writer) (two [2]*server, err error) {
	all, err := variant.All()
	if err != nil {
		return two, err
	}
	root, err := variant.Root()
	if err != nil {
		return two, err
	}
	// A folder of the run's own: a binary that something else builds meanwhile is none of these trees.
	dir, err := os.MkdirTemp("", "parity-")
	if err != nil {
		return two, fmt.Errorf("make a folder for binaries: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }() // the kernel keeps what runs
	for i, name := range variants {
		n := indexOf(all, name)
		if n < 0 {
			return two, fmt.Errorf("there is no folder %s in %s", name, root)
		}
		s := &server{name: name}
		if s.tree, err = treehash.Of(ctx, root, name); err != nil {
			s.noTree = err.Error()
			fmt.Fprintf(stderr, "parity: the report will name no tree of %s, and be no evidence: %v\n", name, err)
		}
		s.commit = head(ctx, root)
		fmt.Fprintf(stderr, "parity: building %s\n", name)
		binary, err := o.build(ctx, all[n], dir)
		if err != nil {
			return two, err
		}
		if again, _ := treehash.Of(ctx, root, name); again != s.tree {
			s.tree, s.noTree = "", "files were changed while it was built"
		}
		if err := s.start(ctx, binary, o.kafka, topics); err != nil {
			return two, err
		}
		two[i] = s
	}
	for _, s := range two {
		ready, cancel := context.WithTimeout(ctx, time.Minute)
		err := s.process.Process.WaitReady(ready)
		cancel()
		if err != nil {
			return two, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return two, nil
}

func indexOf(all []variant.Variant, name string) int {
	for i, v := range all {
		if v.Name == name {
			return i
		}
	}
	return -1
}

func (s *server) start(ctx context.Context, binary, brokers string, topics []wire.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	env := map[string]string{"KAFKA_BROKERS": brokers, "KAFKA_TOPICS": setting(topics)}
	if s.name == "ws-multi" {
		env["WS_SHARDS"] = "4" // as many as it is made for, whatever this machine has
	}
	p, err := variant.Start(variant.Options{Binary: binary, Env: env})
	if err != nil {
		return err
	}
	s.process = &stage.Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Process: p}
	s.url = p.URL()
	return nil
}

// setting is KAFKA_TOPICS.
func setting(topics []wire.Topic) string {
	var list []string
	for _, t := range topics {
		list = append(list, t.Name+"="+t.Event)
	}
	return strings.Join(list, ",")
}

// end stops a server that was started, and says whether it had gone wrong.
func (s *server) end() error {
	if s == nil || s.process == nil {
		return nil
	}
	if err := s.process.End(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// head is the repository's commit, "" where there is none.
func head(ctx context.Context, root string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", filepath.Clean(root), "rev-parse", "HEAD").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
