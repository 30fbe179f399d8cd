package model

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// A load fits where newcomers are let in again, and below where they are refused when machines are lost.
func TestSpare(t *testing.T) {
	single, multi := known()
	for _, tt := range []struct {
		name        string
		of          *Variant
		connections float64 // 26,000 take 0.65 of a core, 30,000 take 0.75
		cores       int
		spare       int
		instances   int
		machines    int
		lost        float64 // of CPU, each; 0: none
	}{
		{"below where they are let in", single, 25_990, 1, 0, 1, 1, 0},
		{"where they are refused is too much", single, 29_000, 1, 0, 2, 2, 0},
		{"one more for one machine in all", single, 25_990, 1, 1, 2, 2, 0.65},
		{"the loss asks for more than the rest", single, 60_010, 1, 1, 4, 4, 0.50},
		{"two may be lost", single, 29_000, 1, 2, 3, 3, 0.725},
		{"many machines", single, 26_000 * 39.9, 1, 1, 40, 40, 0.665},
		{"a machine takes its instances along", single, 26_000 * 7.9, 4, 1, 11, 3, 0.733},
		{"cores of a machine", multi, 26_000 * 7.9, 4, 0, 2, 2, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			site := Site{Cores: tt.cores, Memory: 1 << 40, CPU: OpenShare, Spare: tt.spare}
			o, err := tt.of.Plan(demand(LoadOf(tt.connections, 5, tt.connections, 104)), site)
			if err != nil {
				t.Fatal(err)
			}
			if o.Instances != tt.instances || o.Machines != tt.machines || !o.Fits() {
				t.Errorf("%d instances on %d machines, want %d on %d: %+v", o.Instances, o.Machines, tt.instances, tt.machines, o.Strains)
			}
			if each := o.CPU / float64(o.Instances*o.Cores); each > OpenShare {
				t.Errorf("%g of a core", each)
			}
			if (o.Lost != nil) != (tt.spare > 0) {
				t.Fatalf("lost: %+v", o.Lost)
			}
			if o.Lost != nil {
				if o.Lost.CPU > RejectShare || tt.lost > 0 && math.Abs(o.Lost.CPU-tt.lost) > 0.01 || o.Lost.Instances != o.Instances-tt.spare*o.Each {
					t.Errorf("%+v, want %g of a core", o.Lost, tt.lost)
				}
				if back := o.Lost.Back + float64(o.Lost.Instances)*o.Load.Connections; math.Abs(back-tt.connections) > 1 {
					t.Errorf("%g come back", o.Lost.Back)
				}
			}
		})
	}
}

// No instance is for nobody.
func TestNoMoreInstancesThanClients(t *testing.T) {
	single, _ := known()
	single.Memory = nil
	single.Costs.Idle = 500_000 // half a core
	o, err := single.Plan(demand(LoadOf(3, 0.001, 3, 104)), Site{Cores: 4})
	if err != nil || o.Instances != 3 {
		t.Errorf("%+v, %v", o, err)
	}
	single.Costs.Idle = 800_000
	if o, err := single.Plan(demand(LoadOf(3, 0.001, 3, 104)), Site{Cores: 4}); err == nil {
		t.Errorf("%d instances for three clients", o.Instances)
	}
}

// A plan is the least of all there are: by machines, cores, CPU time and memory.
func TestPlanIsExact(t *testing.T) {
	single, multi := known()
	multi.Costs.Walk, multi.Costs.Base = 2, 1e4
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...float64) float64 { return from[r.IntN(len(from))] }
	planned := 0
	for range 300 {
		v := []*Variant{single, multi}[r.IntN(2)]
		site := Site{Cores: 1 + r.IntN(8), Memory: pick(0.3, 0.6, 1, 3, 8) * (1 << 30), Network: pick(0, 1e8, 1e9, 1e10), Files: int(pick(0, 3000, 20_000)), CPU: OpenShare, Spare: r.IntN(3)}
		connections := pick(50, 1000, 20_000, 100_000)
		d := DemandOf(connections, pick(0.1, 1, 10), max(1, connections/pick(1, 10, 500)), 104, 0)
		var best *Option
		for cores := 1; cores <= site.Cores && (cores == 1 || v == multi); cores++ {
			for each := 1; each*cores <= site.Cores; each++ {
				for n := each; n <= 150; n++ {
					if p := (place{n, cores, each}); v.fits(d, p, site) && (n <= int(connections) || n == site.Spare+1) {
						if o := v.assess(d, p.even(), site); best == nil || Cheaper([]*Option{o, best})[0] == o {
							best = o
						}
						break // more of them are dearer
					}
				}
			}
		}
		o, err := v.Plan(d, site)
		if best == nil {
			if err == nil && o.Instances <= 150 {
				t.Fatalf("%s of %+v on %+v: %d instances fit, and none is known", v.Name, d, site, o.Instances)
			}
			continue
		}
		if err != nil || o.Machines != best.Machines || o.Instances*o.Cores != best.Instances*best.Cores || math.Abs(o.CPU-best.CPU) > 1e-9 || !o.Fits() {
			t.Fatalf("%s of %+v on %+v:\n%+v, %v\n%+v", v.Name, d, site, o, err, best)
		}
		planned++
	}
	if planned < 100 {
		t.Errorf("only %d plans", planned)
	}
}

// An instance that is alone on a machine has all of its memory, whatever its cores; a machine's network is that of its instances.
func TestMachineIsShared(t *testing.T) {
	single, _ := known()
	small := demand(LoadOf(10_000, 1, 10_000, 104)) // 180 MiB and 40 MiB of growth
	if o, err := single.Plan(small, Site{Cores: 16, Memory: 300 << 20}); err != nil || o.Instances != 1 {
		t.Errorf("alone on a machine: %+v, %v", o, err)
	}
	// 100 Mbit/s of each 200 may be used at three quarters: one on a machine, though there are 16 cores.
	wide := demand(LoadOf(100_000, 5, 100_000, 104))
	bits := single.bits(wide.Load)
	if o, err := single.Plan(wide, Site{Cores: 16, Memory: 1 << 40, Network: bits / 10}); err != nil || o.Each != 1 || o.Instances != 14 || o.Machines != 14 {
		t.Errorf("bound by the network: %+v, %v", o, err)
	}
	// 100,000 connections of 8 KiB, which may double where they are the process's: they do not fit four to a machine.
	if o, err := single.Plan(demand(LoadOf(100_000, 0.1, 100_000, 104)), Site{Cores: 4, Memory: 512 << 20}); err != nil || o.Each > 1 || o.Machines != o.Instances {
		t.Errorf("bound by memory: %+v, %v", o, err)
	}
}

// What helps is what is at its end.
func TestAdvice(t *testing.T) {
	single, _ := known()
	for _, tt := range []struct {
		name   string
		demand Demand
		site   Site
		of     string
		want   string
	}{
		{"records", demand(LoadOf(200_000, 1, 1, 104)), Site{Cores: 4, Memory: 8 << 30}, OfCPU, "fewer records a second"},
		{"history", demand(LoadOf(200_000, 1, 100, 1000)), Site{Cores: 4, Memory: 300 << 20}, OfMemory, "WS_HISTORY_WINDOW"},
		{"a process", demand(LoadOf(200_000, 0.01, 200_000, 104)), Site{Cores: 4, Memory: 100 << 20}, OfMemory, "more memory help"},
		{"a client's memory", demand(LoadOf(2, 0.01, 2, 104)), Site{Cores: 4, Memory: 125<<20 + 5<<10}, OfMemory, "more memory help"},
		{"files", demand(LoadOf(2000, 0.01, 2000, 104)), Site{Cores: 4, Memory: 8 << 30, Files: 400}, OfFiles, "limit of open files"},
		{"network", demand(LoadOf(2, 10, 2, 1e6)), Site{Cores: 4, Memory: 8 << 30, Network: 1e6}, OfNetwork, "faster network"},
	} {
		_, err := single.Plan(tt.demand, tt.site)
		var impossible *Impossible
		if !errors.As(err, &impossible) || impossible.Strain.Name != tt.of || !strings.Contains(err.Error(), tt.want) || tt.of != OfCPU && strings.Contains(err.Error(), "records") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Records that nobody wants are read and kept all the same, and a channel takes what the history does not count.
func TestUnwanted(t *testing.T) {
	single, _ := known()
	site := Site{Cores: 4, Memory: 8 << 30}
	wanted, all := DemandOf(10_000, 1, 100, 104, 0), DemandOf(10_000, 1, 100, 104, 1000)
	if wanted.Records != 100 || all.Records != 1000 || math.Abs(all.Deliveries()-wanted.Deliveries()) > 1e-6 || math.Abs(all.Wanted()-100) > 1e-9 || all.Channels != 100 {
		t.Fatalf("%+v and %+v", wanted, all)
	}
	p := place{1, 1, 1}
	a, b := single.assess(wanted, p, site), single.assess(all, p, site)
	if math.Abs(b.Kafka/a.Kafka-10) > 1e-9 || b.CPU <= a.CPU || math.Abs(b.Last-a.Last) > 1e-12 {
		t.Errorf("%+v and %+v", a, b)
	}
	entry := 104 + 90 + 72.0
	if want := 30_000*entry + 100*170; math.Abs(a.History-want) > 1e-6 {
		t.Errorf("%g bytes of history, want %g", a.History, want)
	}
	if want := 256<<20 + 100*170.0; math.Abs(single.history(DemandOf(10_000, 1, 100, 104, 10_000))-want) > 1 {
		t.Errorf("a full history has %g", single.history(DemandOf(10_000, 1, 100, 104, 10_000)))
	}
	// Channels without an entry take nothing.
	if got, want := single.history(DemandOf(10_000, 0.001, 1, 104, 0)), 3000*(entry+170); math.Abs(got-want) > 1e-3 {
		t.Errorf("%g bytes of 3,000 entries, want %g", got, want)
	}
}

// A packet carries no more than a segment, and a start reads the window, or a partition's last records.
func TestPacketsAndReread(t *testing.T) {
	single, _ := known()
	site := Site{Cores: 2}
	for bytes, each := range map[float64]float64{104: 1, 1332: 1, 1333: 2} {
		o := single.assess(demand(LoadOf(3000, 2, 3000, bytes)), place{3, 1, 2}, site)
		if want := each * 4000; math.Abs(o.Packets-want) > 1e-6 { // two of three instances
			t.Errorf("%g packets/s of %g bytes on the fullest machine, want %g", o.Packets, bytes, want)
		}
	}
	for records, want := range map[float64]float64{100: 30_000, 0.1: 1000} {
		if bytes, seconds := single.Reread(Load{Records: records, Bytes: 104}); bytes != want*174 || math.Abs(seconds-want*5e-6) > 1e-9 {
			t.Errorf("of %g records/s %g bytes in %g s", records, bytes, seconds)
		}
	}
}

// The largest machine is planned in a moment.
func TestPlanIsFast(t *testing.T) {
	_, multi := known()
	multi.Error = Error{Loads: 1, Median: 0.05, Max: 0.2}
	multi.Range.MaxShards = 2
	start := time.Now()
	if _, err := multi.Plan(DemandOf(1e9, 5, 1e6, 104, 0), Site{Cores: 1024, Memory: 1 << 40, Network: 1e11, CPU: OpenShare, Spare: 1}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 3*time.Second { // a tenth of it where nothing else runs
		t.Errorf("it took %v", took)
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"1018 MiB": size(1018 << 20), "1 GiB": size(1<<30 - 1), "0.25 B": size(0.25), "870 B": size(870), "1.5 KiB": size(1536),
		"1k": short(999.9), "12.3k": short(12_300), "2000G": short(2e12), "0.5": short(0.5),
		"1 message": Things(1, "message"), "0.5 messages": Things(0.5, "message"), "5k messages": Things(5000, "message"),
		"1 core": counted(1, "core"), "2 cores": counted(2, "core"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if single := scenario.Single; channelBytes[single] == 0 || channelBytes[scenario.Multi] == 0 {
		t.Error("a channel takes nothing")
	}
}
