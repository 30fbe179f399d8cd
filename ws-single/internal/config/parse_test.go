package config

import (
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int64{
		"0": 0, "1": 1, "65536": 65536, "12B": 12, "64KiB": 65536, "64 KiB": 65536, "256MiB": 256 << 20, "3GiB": 3 << 30, "2TiB": 2 << 40, "007": 7,
	} {
		if got, err := parseSize(s, 0, math.MaxInt64); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "KiB", "64KB", "64K", "64Ki", "64kib", "1.5GiB", "-1", "+1", "1_000", "0x10", "1e3", "1 2", "9223372036854775808", "8388608TiB", "18446744073709551616KiB",
	} {
		if got, err := parseSize(s, 0, math.MaxInt64); err == nil {
			t.Errorf("%s is %d", s, got)
		}
	}
}

func TestPrintDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Millisecond: "1ms", 90 * time.Second: "1m30s", 5 * time.Minute: "5m", 10 * time.Minute: "10m", time.Hour: "1h",
		20 * time.Hour: "20h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := printDuration(d); got != want {
			t.Errorf("%d is printed %s, want %s", d, got, want)
		}
	}
}

// A size that is taken lies within its bounds, and its printed form is the same
// size.
func FuzzParseSize(f *testing.F) {
	for _, seed := range []string{"64KiB", "1", "8388607TiB", "8388608TiB", "-1", "1.5GiB", "99999999999999999999", " 1 KiB", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const least, most = 1, math.MaxInt64
		b, err := parseSize(s, least, most)
		if err != nil {
			return
		}
		if b < least {
			t.Fatalf("%q is %d", s, b)
		}
		if again, err := parseSize(printSize(b), least, most); err != nil || again != b {
			t.Fatalf("%q is %d, printed %s, read as %d, %v", s, b, printSize(b), again, err)
		}
	})
}

// A time that is taken lies within its bounds, and its printed form is the same
// time.
func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"25s", "1h0m1s", "5m0s", "25", "-1s", "1.5s", "1ns", "9223372036854775807ns", "0", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const least, most = 0, math.MaxInt64
		d, err := parseDuration(s, least, most)
		if err != nil {
			return
		}
		if d < least {
			t.Fatalf("%q is %d", s, d)
		}
		if again, err := parseDuration(printDuration(d), least, most); err != nil || again != d {
			t.Fatalf("%q is %d, printed %s, read as %d, %v", s, d, printDuration(d), again, err)
		}
	})
}

func TestParseProperties(t *testing.T) {
	for s, want := range map[string]Properties{
		"":                         nil,
		"a.b=1":                    {"a.b": "1"},
		"a=1, b = 2 ":              {"a": "1", "b": "2"},
		"a=":                       {"a": ""},
		`a=x\,y,b=\\`:              {"a": "x,y", "b": `\`},
		`a=C:\dir`:                 {"a": `C:\dir`},
		"sasl.oauthbearer.x=a=b=c": {"sasl.oauthbearer.x": "a=b=c"},
	} {
		if got, err := parseProperties(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, %v", s, map[string]string(got), err)
		}
	}
}

// Properties without secrets are printed as they are read.
func FuzzParseProperties(f *testing.F) {
	for _, seed := range []string{"a=1,b=2", `a=x\,y`, `a=\\\,`, "a", "=", "a=1,a=2", "a=1,", `a=\`, ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseProperties(s)
		if err != nil {
			return
		}
		for name := range p {
			if secretProperty(name) {
				return
			}
		}
		again, err := parseProperties(p.String())
		if err != nil || len(again) != len(p) || len(p) > 0 && !reflect.DeepEqual(again, p) {
			t.Fatalf("%q is printed %q, read as %q, %v", s, p.String(), again.String(), err)
		}
	})
}

// An origin that is taken is one that a browser could send, and stays as it is.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://example.com", "HTTP://A:80", "https://[::1]:443", "https://[FE80::1%25eth0]", "app://localhost", "https://a/", "https://a?", "https://a#", "https://u@a", "null", "*", "//a", "http://a:080",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := origin().parse(s)
		if err != nil || o == nullOrigin {
			return
		}
		if again, err := origin().parse(o); err != nil || again != o {
			t.Fatalf("%q is %q, which is %q, %v", s, o, again, err)
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme+"://"+u.Host != o || o != strings.ToLower(o) || strings.ContainsAny(u.Host, " ,@%") {
			t.Fatalf("%q is %q", s, o)
		}
	})
}

func TestNearest(t *testing.T) {
	known := []string{"WS_ADDR", "WS_ADMIN_ADDR", "KAFKA_BROKERS", "KAFKA_TOPICS", "addr", "config"}
	for name, want := range map[string]string{
		"WS_ADR": "WS_ADDR", "WS_ADMINADDR": "WS_ADMIN_ADDR", "KAFKA_BROKER": "KAFKA_BROKERS", "KAFKA_TOPIC": "KAFKA_TOPICS",
		"WS_ADDRESS": "WS_ADDR", "adr": "addr", "confg": "config",
		// What is no slip of any is left alone.
		"": "", "a": "", "nope": "", "bogus": "", "json": "", "WS_PORT": "", "WS_X": "", "KAFKA_GROUP": "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest to %s is %s, want %s", name, got, want)
		}
	}
	if got := nearest("addr", nil); got != "" {
		t.Errorf("nearest of none is %s", got)
	}
}
