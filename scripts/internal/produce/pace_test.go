package produce

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceIsKept(t *testing.T) {
	tests := []struct {
		name string
		pace Pace
		want []time.Duration // when each record is due, after the start
	}{
		{"one by one", Pace{Rate: 10, Duration: 350 * time.Millisecond}, []time.Duration{0, 100e6, 200e6, 300e6}},
		{"in bursts", Pace{Rate: 40, Burst: 4, Duration: 150 * time.Millisecond}, []time.Duration{0, 0, 0, 0, 100e6, 100e6, 100e6, 100e6}},
		{"one burst", Pace{Rate: 3, Burst: 3, Duration: time.Second}, []time.Duration{0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var due, handed []time.Duration
				err := tt.pace.Keep(t.Context(), start, func(intended time.Time) error {
					due, handed = append(due, intended.Sub(start)), append(handed, time.Since(start))
					return nil
				})
				if err != nil || !slices.Equal(due, tt.want) || !slices.Equal(handed, tt.want) {
					t.Errorf("due %v, handed over at %v, error %v; want both %v", due, handed, err, tt.want)
				}
				if tt.pace.Records() != len(tt.want) {
					t.Errorf("Records() = %d, want %d", tt.pace.Records(), len(tt.want))
				}
			})
		})
	}
}

// What holds up one record must not move the next ones: that is what an open loop is.
func TestPaceIsNotMovedByAHoldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := 0
		err := Pace{Rate: 10}.Keep(t.Context(), start, func(intended time.Time) error {
			if n == 1 {
				time.Sleep(550 * time.Millisecond)
			}
			if want := start.Add(time.Duration(n) * 100 * time.Millisecond); !intended.Equal(want) {
				t.Errorf("record %d was due at %v, want %v", n, intended, want)
			}
			if n++; n == 10 {
				return errStop
			}
			return nil
		})
		if !errors.Is(err, errStop) || time.Since(start) != 900*time.Millisecond {
			t.Errorf("ended after %v with %v", time.Since(start), err)
		}
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := (Pace{Rate: 0.001}).Keep(ctx, time.Now(), func(time.Time) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

var errStop = errors.New("stop")
