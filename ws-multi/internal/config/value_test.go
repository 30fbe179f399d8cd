package config

import (
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSizes(t *testing.T) {
	var got int64
	v := size{to: &got, most: math.MaxInt64}
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "007": 7, "65536": 65536, "12B": 12, "64KiB": 64 * kib, "64 KiB": 64 * kib, "256MiB": 256 * mib, "3GiB": 3 * gib, "8388607TiB": 8388607 * tib,
	} {
		if err := v.Set(text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for text := range strings.FieldsSeq("KiB 64KB 64K 64Ki 64kib 1.5GiB -1 +1 1_000 0x10 1e3 1KiBB 9223372036854775808 8388608TiB 18446744073709551616KiB off") {
		if err := v.Set(text); err == nil {
			t.Errorf("%s is %d", text, got)
		}
	}
}

func TestSpanText(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": 0, "1ms": time.Millisecond, "1.5s": 1500 * time.Millisecond, "1m30s": 90 * time.Second, "10m": 10 * time.Minute, "1h": time.Hour,
		"20h": 20 * time.Hour, "1h30m": 90 * time.Minute, "1h0m1s": time.Hour + time.Second,
	} {
		if got := spanText(d); got != want {
			t.Errorf("%d is %s, want %s", d, got, want)
		}
	}
}

func TestProperties(t *testing.T) {
	for text, shown := range map[string]string{
		" ": "", "client.rack=1": "client.rack=1", "b = 2 , a=1": "a=1,b=2", "a=": "a=", "x_y-Z=a=b=": "x_y-Z=a=b=",
		`a=x\,y,b=\\`: `a=x\,y,b=\\`, `a=C:\dir`: `a=C:\\dir`, "A.Secret=1,b=2": "A.Secret=***,b=2",
	} {
		got := Properties{"old": "1"}
		if err := (properties{&got}).Set(text); err != nil || got.String() != shown {
			t.Errorf("%s is shown as %s, %v", text, got, err)
		}
	}
	var got Properties
	if err := (properties{&got}).Set(`ssl.cipher.suites=A\,B\\,C=`); err != nil || !reflect.DeepEqual(got, Properties{"ssl.cipher.suites": `A,B\`, "C": ""}) {
		t.Errorf("got %v, %v", map[string]string(got), err)
	}
}

func TestLegible(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "": `""`, "a b": `"a b"`, `a"b`: `"a\"b"`, "a\nb": `"a\nb"`, "\x1b[31m": `"\x1b[31m"`, "ä€": "ä€", "\xff": `"\xff"`,
		strings.Repeat("ä", 80): strings.Repeat("ä", 80), strings.Repeat("ä", 81): strings.Repeat("ä", 80) + "...",
	} {
		if got := legible(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// again sets v by text and other by what v shows; both must be the same then.
func again(t *testing.T, text string, v, other Value) bool {
	t.Helper()
	if v.Set(text) != nil {
		return false
	}
	shown := v.String()
	if err := other.Set(shown); err != nil || other.String() != shown {
		t.Fatalf("%q is shown as %q, that as %q (%v)", text, shown, other, err)
	}
	return true
}

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"64KiB", "1", "8388607TiB", "8388608TiB", "-1", "1.5GiB", "99999999999999999999", " 1 KiB", "off", "1\u0661"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, b int64
		if again(t, text, size{to: &a, least: 1, most: tib, off: true}, size{to: &b, least: 1, most: tib, off: true}) && (a != b || a < 0 || a > tib) {
			t.Fatalf("%q is %d, then %d", text, a, b)
		}
	})
}

func FuzzSpan(f *testing.F) {
	for _, seed := range []string{"25s", "1h0m1s", "5m0s", "25", "-1s", "1.5s", "1ns", "9223372036854775807ns", "0", "off"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, b time.Duration
		if again(t, text, span{to: &a, most: math.MaxInt64}, span{to: &b, most: math.MaxInt64}) && (a != b || a < 0) {
			t.Fatalf("%q is %d, then %d", text, a, b)
		}
	})
}

// An origin that is taken is what a browser may send.
func FuzzOrigins(f *testing.F) {
	for _, seed := range []string{
		"https://example.com", "HTTP://A:80, http://a:81", "https://[::1]:443", "https://[FE80::1%25eth0]", "app://localhost", "https://a/", "https://a?", "https://a#", "https://u@a", "null", "*", "//a", "http://a:080", "http:a//b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, b []string
		if !again(t, text, texts(&a, readOrigin), texts(&b, readOrigin)) {
			return
		}
		for _, origin := range a {
			u, err := url.Parse(origin)
			if origin != opaque && (err != nil || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin || strings.ContainsAny(u.Host, " ,@%/")) {
				t.Fatalf("%q has %q", text, origin)
			}
		}
	})
}

func FuzzNetworks(f *testing.F) {
	for _, seed := range []string{"10.0.0.0/8", "10.0.0.7", "::ffff:10.0.0.0/104", "::/0", "fe80::1%eth0", "10.0.0.1/8", "::1/128,1.2.3.4/32"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var c, d Config
		value := func(c *Config) Value { s, _ := c.setting("WS_TRUSTED_PROXIES"); return s.value }
		if !again(t, text, value(&c), value(&d)) {
			return
		}
		for _, p := range c.TrustedProxies {
			if p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Fatalf("%q has %s", text, p)
			}
		}
	})
}

func FuzzProperties(f *testing.F) {
	for _, seed := range []string{"a=1,b=2", `a=x\,y`, `a=\\\,`, "a", "=", "a=1,a=2", "a=1,", `a=\`, ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var a, b Properties
		if (properties{&a}).Set(text) != nil {
			return
		}
		for name := range a {
			if a.hides(name) {
				return
			}
		}
		if again(t, text, properties{&a}, properties{&b}) && !reflect.DeepEqual(a, b) {
			t.Fatalf("%q is %v, then %v", text, map[string]string(a), map[string]string(b))
		}
	})
}
