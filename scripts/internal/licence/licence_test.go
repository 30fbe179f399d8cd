package licence

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func write(t *testing.T, base string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	isc = `Copyright (c) 2026 Somebody

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES
WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR
ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN
ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF
OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`
	gpl = `This program is free software: you can redistribute it and/or modify it under
the terms of the GNU General Public License as published by the Free Software
Foundation, either version 3 of the License, or (at your option) any later
version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY
WARRANTY; without even the implied warranty of MERCHANTABILITY or FITNESS FOR A
PARTICULAR PURPOSE. See the GNU General Public License for more details.

You should have received a copy of the GNU General Public License along with
this program. If not, see <https://www.gnu.org/licenses/>.
`
)

// A program with a module for each way that a licence can be: only what is linked
// counts, with what part of a module has from elsewhere.
func TestLinked(t *testing.T) {
	base := t.TempDir()
	write(t, base, map[string]string{
		"go.mod": "module m.example\n\ngo 1.26\n\nrequire (\n\ta.example v1.0.0\n\tb.example v1.0.0\n\tc.example v1.0.0\n)\n\n" +
			"replace a.example => ./a\n\nreplace b.example => ./b\n\nreplace c.example => ./c\n",
		"main.go":             "package main\n\nimport (\n\t_ \"a.example/part\"\n\t_ \"b.example\"\n)\n\nfunc main() {}\n",
		"main_test.go":        "package main\n\nimport _ \"c.example\"\n",
		"a/go.mod":            "module a.example\n",
		"a/LICENSE":           isc,
		"a/part/part.go":      "package part\n",
		"a/part/COPYING":      gpl,
		"a/other/other.go":    "package other\n",
		"a/other/LICENCE.txt": "All rights reserved, as in the other part.",
		"b/go.mod":            "module b.example\n",
		"b/b.go":              "package b\n",
		"c/go.mod":            "module c.example\n",
		"c/c.go":              "package c\n",
	})
	list, err := Linked(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 || !slices.Equal(list[0].Licences, []string{"BSD-3-Clause"}) || list[1].Name != "a.example" ||
		!slices.Equal(list[1].Licences, []string{"GPL-3.0-or-later", "ISC"}) || list[2].Name != "b.example" || list[2].Licences != nil {
		t.Errorf("got %v", list)
	}
	faults := Faults(list)
	if len(faults) != 2 || !strings.Contains(faults[0], "a.example v1.0.0: GPL-3.0-or-later is not allowed") || !strings.Contains(faults[1], "b.example v1.0.0: its licence is unknown") {
		t.Errorf("got %q", faults)
	}
	// A licence that nobody knows is not passed over.
	write(t, base, map[string]string{"b/LICENSE": "Do what you like, but only on Sundays."})
	if _, err := Linked(t.Context(), base); err == nil || !strings.Contains(err.Error(), filepath.Join("b", "LICENSE")) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

// The servers: librdkafka's archive is listed with all it holds.
func TestServers(t *testing.T) {
	variants, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range variants {
		list, err := Linked(t.Context(), v.Dir)
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]Component{}
		for _, c := range list {
			has[c.Name] = c
		}
		for name, licence := range map[string]string{
			"github.com/confluentinc/confluent-kafka-go/v2": "Apache-2.0", "librdkafka": "BSD-2-Clause", "lz4 (in librdkafka)": "BSD-2-Clause",
			"OpenSSL (in librdkafka's archive)": "Apache-2.0", "regexp (in librdkafka)": publicDomain, "github.com/gorilla/websocket": "BSD-2-Clause",
		} {
			if got := has[name].Licences; !slices.Equal(got, []string{licence}) {
				t.Errorf("%s: %s has %v, want %s", v.Name, name, got, licence)
			}
		}
		for _, tests := range []string{"go.uber.org/goleak", "pgregory.net/rapid"} {
			if _, listed := has[tests]; listed {
				t.Errorf("%s: %s is not linked", v.Name, tests)
			}
		}
	}
}

// Another archive than the one that was looked into is not listed as if it were.
func TestAnotherArchive(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "LICENSES.txt")
	text := "LICENSE\n" + strings.Repeat("-", 62) + "\n" + isc
	write(t, base, map[string]string{"LICENSES.txt": text, archive: "OpenSSL 3.0.15 3 Sep 2024\x00libcurl/8.10.1\x00inflate 1.3.1 Copyright\x001.5.6\x00"})
	found := map[string]*Component{}
	if err := collectNative(found, &Component{Version: "v2.11.1"}, path); err != nil || len(found) != 1+len(bundled) || found["librdkafka"].Version != "2.11.1" {
		t.Errorf("got %v, %v", found, err)
	}
	write(t, base, map[string]string{archive: "OpenSSL 3.5.4 30 Sep 2025\x00libcurl/8.10.1\x00inflate 1.3.1 Copyright\x001.5.6\x00"})
	if err := collectNative(map[string]*Component{}, &Component{}, path); err == nil || !strings.Contains(err.Error(), "OpenSSL 3.0.15") {
		t.Errorf("got %v, want an error that says what is not there", err)
	}
}

func TestPage(t *testing.T) {
	page := string(Page("ws-x", []Component{{Name: "a", Version: "v1", Licences: []string{"ISC", "MIT"}, Text: "https://example.com"}}))
	for _, want := range []string{"# What ws-x is linked with\n", "| a | v1 | ISC, MIT | [text](https://example.com) |\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("lacks %q:\n%s", want, page)
		}
	}
}
