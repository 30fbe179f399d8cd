package licence

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// native says whether a package is the one that holds librdkafka, as an archive.
func native(importPath string) bool {
	return strings.HasSuffix(importPath, "/librdkafka_vendor")
}

const (
	archive   = "librdkafka_glibc_linux_amd64.a"
	librdText = "https://github.com/confluentinc/librdkafka/blob/v%s/LICENSES.txt"
)

// section is the beginning of one of the texts in librdkafka's LICENSES.txt.
var section = regexp.MustCompile(`(?m)^LICENSE(\.\S+)?\n-{20,}$`)

// inPublicDomain are the parts of librdkafka whose text is no licence but gives up
// all rights, with words of it.
var inPublicDomain = map[string]string{
	"fnv1a":  "This code is in the public domain",
	"regexp": "These libraries are in the public domain",
}

// bundled are the libraries that the archive holds besides, of which it brings no
// text. mark is in the archive if it is that version.
var bundled = []struct {
	Component
	mark string
}{
	{Component{"OpenSSL (in librdkafka's archive)", "3.0.15", []string{"Apache-2.0"}, "https://github.com/openssl/openssl/blob/openssl-3.0.15/LICENSE.txt"}, "OpenSSL 3.0.15 "},
	{Component{"curl (in librdkafka's archive)", "8.10.1", []string{"curl"}, "https://github.com/curl/curl/blob/curl-8_10_1/COPYING"}, "libcurl/8.10.1"},
	{Component{"zlib (in librdkafka's archive)", "1.3.1", []string{"Zlib"}, "https://github.com/madler/zlib/blob/v1.3.1/LICENSE"}, "inflate 1.3.1 Copyright"},
	{Component{"Zstandard (in librdkafka's archive)", "1.5.6", []string{"BSD-3-Clause"}, "https://github.com/facebook/zstd/blob/v1.5.6/LICENSE"}, "1.5.6\x00"},
}

// collectNative adds what is in the archive beside a file of licences.
func collectNative(found map[string]*Component, module *Component, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read licences of librdkafka: %w", err)
	}
	heads := section.FindAllSubmatchIndex(text, -1)
	if len(heads) == 0 {
		if ids := recognise(text); len(ids) > 0 {
			module.Licences = ids // the module's own, above the archive
			return nil
		}
		return fmt.Errorf("read licences of librdkafka: %s has no part that begins with LICENSE", path)
	}
	version := strings.TrimPrefix(module.Version, "v")
	for i, head := range heads {
		name, end := "librdkafka", len(text)
		if head[2] >= 0 {
			name = strings.TrimPrefix(string(text[head[2]:head[3]]), ".")
		}
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		part := text[head[1]:end]
		c := Component{Name: name, Version: version, Licences: recognise(part), Text: fmt.Sprintf(librdText, version)}
		if words, free := inPublicDomain[name]; free && bytes.Contains(part, []byte(words)) {
			c.Licences = []string{publicDomain}
		}
		if name != "librdkafka" {
			c.Name, c.Version = name+" (in librdkafka)", ""
		}
		found[c.Name] = &c
	}
	library, err := os.ReadFile(filepath.Join(filepath.Dir(path), archive))
	if err != nil {
		return fmt.Errorf("read librdkafka: %w", err)
	}
	for _, b := range bundled {
		if !bytes.Contains(library, []byte(b.mark)) {
			return fmt.Errorf("list what librdkafka holds: %s has no %q: find out which %s it holds (strings), and correct native.go", archive, b.mark, b.Name)
		}
		c := b.Component
		found[c.Name] = &c
	}
	return nil
}
