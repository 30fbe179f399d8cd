package machine

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// clockTick is USER_HZ, in which /proc/stat counts: 100 on every Linux that Go runs on (proc(5), sysconf(3)).
const clockTick = 10 * time.Millisecond

// Core is what became of a core's time since the machine started.
type Core struct {
	Busy  time.Duration // tasks of whatever process, and interrupts
	Steal time.Duration // the hypervisor gave it to other machines
	Total time.Duration
}

// Cores is a snapshot of all cores that are online, by number. It is exact to a tick of 10 ms: of a second a percent.
type Cores map[int]Core

// ReadCores takes one.
func ReadCores() (Cores, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, fmt.Errorf("read cores' times: %w", err)
	}
	return parseCores(b)
}

func parseCores(b []byte) (Cores, error) {
	cores := Cores{}
	for line := range bytes.Lines(b) {
		fields := bytes.Fields(line)
		var number int
		if len(fields) == 0 || !bytes.HasPrefix(fields[0], []byte("cpu")) || len(fields[0]) == 3 {
			continue
		}
		if _, err := fmt.Sscanf(string(fields[0]), "cpu%d", &number); err != nil {
			return nil, fmt.Errorf("read cores' times: %q is no core", fields[0])
		}
		// user, nice, system, idle, iowait, irq, softirq, steal; guests' time, which follows, is in user and nice.
		ticks, err := integers(fields[1:], 8)
		if err != nil {
			return nil, fmt.Errorf("read times of core %d: %w", number, err)
		}
		busy := ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]
		cores[number] = Core{
			Busy:  time.Duration(busy) * clockTick,
			Steal: time.Duration(ticks[7]) * clockTick,
			Total: time.Duration(busy+ticks[3]+ticks[4]+ticks[7]) * clockTick,
		}
	}
	if len(cores) == 0 {
		return nil, fmt.Errorf("read cores' times: /proc/stat names no core")
	}
	return cores, nil
}

// Between is the share of the time between two snapshots in which the given cores were busy, and which the hypervisor
// took; 1 is all of their time together.
func Between(from, to Cores, cpus []int) (busy, steal float64) {
	var sum Core
	for _, cpu := range cpus {
		sum.Busy += to[cpu].Busy - from[cpu].Busy
		sum.Steal += to[cpu].Steal - from[cpu].Steal
		sum.Total += to[cpu].Total - from[cpu].Total
	}
	if sum.Total <= 0 {
		return 0, 0
	}
	return float64(sum.Busy) / float64(sum.Total), float64(sum.Steal) / float64(sum.Total)
}
