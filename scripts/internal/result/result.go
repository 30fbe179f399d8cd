package result

import (
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// Result is one run of one scenario.
type Result struct {
	Schema      string            `json:"$schema"`               // which schema the file is of
	Command     []string          `json:"command"`               // as it was called
	Started     time.Time         `json:"started"`               // when
	Seconds     float64           `json:"seconds"`               // how long the run took
	Interrupted bool              `json:"interrupted,omitempty"` // somebody ended it early; what was measured until then is here
	Commit      string            `json:"commit"`                // of the repository, all that is under test
	Dirty       bool              `json:"dirty,omitempty"`       // the tree had changes that are in no commit
	Trees       map[string]string `json:"trees,omitempty"`       // of each variant under test, its folder's without VERSION (internal/treehash); none where that had changes
	Versions    map[string]string `json:"versions"`              // of Go, librdkafka, the broker, each server
	Host        Host              `json:"host"`
	Cores       Cores             `json:"cores"`

	Scenario scenario.Scenario `json:"scenario"`
	Servers  []string          `json:"servers"` // under test, not the baselines
	Lanes    []Lane            `json:"lanes"`
	Capacity *Capacity         `json:"capacity,omitempty"` // of a search for it
	Proof    Proof             `json:"proof"`
	Floor    Floor             `json:"floor"`
	Timeline []Moment          `json:"timeline"`

	Judgements []Judgement `json:"judgements"`
	Refusals   []Refusal   `json:"refusals"`
	Verdict    Verdict     `json:"verdict"` // the worst of the judgements; refused where there is a refusal
}

// Host is the machine, in the form a reader needs to judge the figures.
type Host struct {
	Fingerprint string `json:"fingerprint"`  // as the servers' `version --json` names it
	CPU         string `json:"cpu"`          // model, as the kernel names it
	CPUs        int    `json:"cpus"`         // cores that are online
	Kernel      string `json:"kernel"`       // its release
	MemoryBytes int64  `json:"memory_bytes"` // all there is
	Somaxconn   int    `json:"somaxconn"`    // net.core.somaxconn: connections that may wait to be accepted
	OpenFiles   int    `json:"open_files"`   // hard limit of a process
}

// Cores says who ran where.
type Cores struct {
	Server []int `json:"server"` // the servers and baselines, which take turns
	Load   []int `json:"load"`   // generator, publisher and broker
}

// Lane is one server used in one way.
type Lane struct {
	Name     string            `json:"name"`               // "ws-single", "ws-single/stalled", "floor"
	Server   string            `json:"server"`             // "ws-single", "gorilla-hub"
	Baseline bool              `json:"baseline,omitempty"` // it is what servers are compared with
	Given    bool              `json:"given,omitempty"`    // its program was given by name, not built from the tree
	Settings map[string]string `json:"settings,omitempty"` // its environment, without addresses and secrets

	Shards    int   `json:"shards,omitempty"`    // loops of each process, as it tells itself
	Processes int   `json:"processes,omitempty"` // on one port
	Cores     []int `json:"cores,omitempty"`     // it ran on; none: any
	Shared    []int `json:"shared,omitempty"`    // of them, those that generator, publisher and broker have too: its CPU time says something, its latency does not
	Resuming  int   `json:"resuming,omitempty"`  // clients besides, that come back in each of its turns

	Connections int      `json:"connections"`       // held while it was measured
	Stalled     int      `json:"stalled,omitempty"` // of them
	FanOut      float64  `json:"fan_out,omitempty"` // connections a record reaches, over the run
	Connect     *Connect `json:"connect,omitempty"`
	Slices      []Slice  `json:"slices,omitempty"` // kind deliver: its turns
	Memory      []Memory `json:"memory,omitempty"` // at each step
	Idle        []Rest   `json:"idle,omitempty"`   // kind idle: each rest at the last step
	Storms      []Storm  `json:"storms,omitempty"` // kind storm: each cut and return

	Totals    Totals        `json:"totals"`
	Latency   *Distribution `json:"latency,omitempty"`     // of all slices, intended send to read
	LastP99MS float64       `json:"last_p99_ms,omitempty"` // broadcast: the last subscriber, less Kafka's share
	LastMS    []Broadcast   `json:"last_ms,omitempty"`     // broadcast: when the last subscriber had each record
}

// Connect is how the connections came to be.
type Connect struct {
	Seconds   float64        `json:"seconds"`           // from the first connect to the last acknowledgement
	PerSecond float64        `json:"per_second"`        // connections
	Refused   map[string]int `json:"refused,omitempty"` // by status or error; each was tried again
	P50MS     float64        `json:"p50_ms"`            // from connect(2) to the subscription's acknowledgement
	P99MS     float64        `json:"p99_ms"`            // the same of 99 in a hundred
	MaxMS     float64        `json:"max_ms"`            // the slowest
	CPUMicros float64        `json:"cpu_us"`            // the server's, a connection
}

// Slice is one turn of one lane: a raw sample. Only slices of one round are compared with each other.
type Slice struct {
	Round     int     `json:"round"`               // counted from 0; for a disturbed one another is added at the end
	At        float64 `json:"at"`                  // seconds since the run began
	Seconds   float64 `json:"seconds"`             // from the first record to the last delivery
	Records   int64   `json:"records"`             // published
	Expected  int64   `json:"expected"`            // deliveries
	Received  int64   `json:"received"`            // deliveries that arrived
	Bytes     int64   `json:"bytes"`               // of frames, at the client
	Reads     int64   `json:"reads"`               // read(2) calls that brought them: frames a read show coalescing
	Lost      int64   `json:"lost,omitempty"`      // numbers that were passed over
	Doubled   int64   `json:"doubled,omitempty"`   // messages that came again
	Reordered int64   `json:"reordered,omitempty"` // messages that came after later ones
	BadSeq    int64   `json:"bad_seq,omitempty"`   // holes in seq
	BadPos    int64   `json:"bad_pos,omitempty"`   // pos that does not ascend

	Closed    int64 `json:"closed,omitempty"`    // connections that ended
	Malformed int64 `json:"malformed,omitempty"` // frames that are not what the protocol says
	Full      int   `json:"full,omitempty"`      // stalled clients whose receive window was used up
	Behind    int   `json:"behind,omitempty"`    // connections whose socket was full at its end, as the server counts them

	CPUMicros float64 `json:"cpu_us"`                // of the server's process, user and system, all threads
	Allocs    float64 `json:"allocs"`                // of its heap, less what looking at its metrics takes
	Read      int64   `json:"read"`                  // records that it took from Kafka
	RSS       int64   `json:"rss"`                   // bytes of resident memory at its end
	Busy      float64 `json:"busy,omitempty"`        // ws_loop_busy_ratio at its end
	TurnMaxMS float64 `json:"turn_max_ms,omitempty"` // the loop's longest turn of late, at its end

	P50MS  float64 `json:"p50_ms"`  // latency of half of the deliveries, from the intended send to the read
	P90MS  float64 `json:"p90_ms"`  // of 90 in a hundred
	P99MS  float64 `json:"p99_ms"`  // of 99 in a hundred
	P999MS float64 `json:"p999_ms"` // of 999 in a thousand
	MaxMS  float64 `json:"max_ms"`  // of the slowest

	Resume *Resume `json:"resume,omitempty"` // those who came back meanwhile

	AckP99MS  float64 `json:"ack_p99_ms,omitempty"` // of the broker, from the intended time
	SpreadMS  float64 `json:"spread_ms,omitempty"`  // of a burst: from a bare consumer's first record of it to its last; half of the bursts had less
	BehindMS  float64 `json:"behind_ms"`            // the publisher's schedule, at worst
	LoadBusy  float64 `json:"load_busy"`            // share of the slice in which the generator computed
	LoadWait  float64 `json:"load_wait"`            // share in which it was to be awake and had no core
	Foreign   float64 `json:"foreign"`              // share of the server's core that others used
	Steal     float64 `json:"steal"`                // share the hypervisor took
	Disturbed string  `json:"disturbed,omitempty"`  // why it does not count, and was repeated
}

// Resume is the return, at the begin of a turn, of clients that had been cut.
type Resume struct {
	Clients  int     `json:"clients"`           // that came back
	Seconds  float64 `json:"seconds"`           // until the last had what it missed
	Replayed int64   `json:"replayed"`          // messages that came from the history
	Expected int64   `json:"expected"`          // messages that were missed
	Lost     int64   `json:"lost,omitempty"`    // of them, those that never came
	Doubled  int64   `json:"doubled,omitempty"` // messages that came again
}

// Broadcast is one record that went to all.
type Broadcast struct {
	Round int     `json:"round"` // of its slice
	Last  float64 `json:"last"`  // ms from the intended send to the last client's read
	Kafka float64 `json:"kafka"` // ms of it until a bare consumer had the record
}

// Memory is read when the connections rest and the collector has run.
type Memory struct {
	Connections int   `json:"connections"`          // open then
	RSS         int64 `json:"rss"`                  // bytes of the server's resident memory
	Sockets     int64 `json:"sockets"`              // kernel memory of all sockets of the machine, both ends of each connection: differences mean something
	Goroutines  int   `json:"goroutines,omitempty"` // of the server, the process that has most
}

// Rest is some seconds in which nothing is published. A turn of the floor of the same round follows.
type Rest struct {
	Round     int     `json:"round"`               // counted from 0
	Seconds   float64 `json:"seconds"`             // how long
	CPUMicros float64 `json:"cpu_us"`              // of the server's process, user and system, all threads
	Disturbed string  `json:"disturbed,omitempty"` // why it does not count
}

// Storm is one cut and return of all connections.
type Storm struct {
	Connected float64 `json:"connected"`           // seconds from the cut until the last was subscribed
	CaughtUp  float64 `json:"caught_up"`           // until the last had what it missed; the time in which that was published is in neither
	Replayed  int64   `json:"replayed"`            // messages that came from the history
	Expected  int64   `json:"expected"`            // messages that were missed
	Lost      int64   `json:"lost,omitempty"`      // of them, those that never came
	Doubled   int64   `json:"doubled,omitempty"`   // messages that came again
	Refused   int     `json:"refused,omitempty"`   // attempts that were turned away and made again
	CPUMicros float64 `json:"cpu_us"`              // a connection
	Disturbed string  `json:"disturbed,omitempty"` // others had the server's core meanwhile
}

// Totals are figures of a lane that have no interval.
type Totals struct {
	Records           int64   `json:"records,omitempty"`                // published
	Expected          int64   `json:"expected,omitempty"`               // deliveries
	Received          int64   `json:"received,omitempty"`               // deliveries that arrived
	Lost              int64   `json:"lost"`                             // numbers that were passed over
	Doubled           int64   `json:"doubled"`                          // messages that came again
	Reordered         int64   `json:"reordered"`                        // messages that came after later ones
	CPUPerDelivery    float64 `json:"cpu_us_per_delivery,omitempty"`    // of the slices that count
	CPUPerRecord      float64 `json:"cpu_us_per_record,omitempty"`      // of the slices that count
	AllocsPerDelivery float64 `json:"allocs_per_delivery,omitempty"`    // heap allocations
	RSSPerConnection  float64 `json:"rss_per_connection,omitempty"`     // bytes, slope
	SocketsPerConn    float64 `json:"sockets_per_connection,omitempty"` // bytes of the kernel, slope, both ends
	IdleCPU           float64 `json:"idle_cpu_us_per_s,omitempty"`      // a connection
	FrameBytes        float64 `json:"frame_bytes,omitempty"`            // mean
	FramesPerRead     float64 `json:"frames_per_read,omitempty"`        // above 1 where the server coalesces
}

// Distribution is a set of latencies in milliseconds.
type Distribution struct {
	Count  int64   `json:"count"`   // deliveries
	P50MS  float64 `json:"p50_ms"`  // half were faster
	P90MS  float64 `json:"p90_ms"`  // 90 in a hundred were
	P99MS  float64 `json:"p99_ms"`  // 99 in a hundred were
	P999MS float64 `json:"p999_ms"` // 999 in a thousand were
	MaxMS  float64 `json:"max_ms"`  // the slowest
	Hdr    string  `json:"hdr"`     // HdrHistogram V2 of microseconds, compressed and in base64: anyone can plot it again
}

// Capacity is the highest rate that a server holds, and the settings that follow.
type Capacity struct {
	BoundMS     float64           `json:"bound_ms"`    // p99 must stay below
	Rate        float64           `json:"rate"`        // records a second, the highest that held
	Deliveries  float64           `json:"deliveries"`  // a second, at that rate
	Connections int               `json:"connections"` // with so many
	Headroom    float64           `json:"headroom"`    // share of the rate that the settings leave free
	Trials      []Trial           `json:"trials"`      // in the order they were made
	Settings    map[string]string `json:"settings"`    // WS_* and KAFKA_* for --config
}

// Trial is one rate that was tried.
type Trial struct {
	Rate  float64 `json:"rate"`          // records a second
	P99MS float64 `json:"p99_ms"`        // latency of 99 in a hundred deliveries
	Reach float64 `json:"reach"`         // received over expected
	CPU   float64 `json:"cpu"`           // share of the server's cores
	Held  bool    `json:"held"`          // p99 stayed below the bound, and all arrived
	Why   string  `json:"why,omitempty"` // it did not hold
}

// Proof is what the generator took from the floor at full speed, before anything was measured.
type Proof struct {
	FramesPerSecond float64 `json:"frames_per_second"` // read and checked
	Connections     int     `json:"connections"`       // open then
	Seconds         float64 `json:"seconds"`           // how long it went on
	LoadBusy        float64 `json:"load_busy"`         // share of its core that the generator used
}

// Floor is what one send a delivery costs here and now.
type Floor struct {
	CPUMicros float64 `json:"cpu_us"`        // a delivery, mean of all its slices
	First     float64 `json:"first_cpu_us"`  // of its first half
	Second    float64 `json:"second_cpu_us"` // of its second half; far from the first, the machine changed
	Spread    float64 `json:"spread_us"`     // standard error of the difference of the halves
}

// Moment is a point of the run's timeline.
type Moment struct {
	At          float64 `json:"at"`             // seconds since the run began
	Phase       string  `json:"phase"`          // what the run was doing: connect, warm-up, measure, rest, storm
	Lane        string  `json:"lane,omitempty"` // whose turn it was
	Connections int     `json:"connections"`    // of the lane, open then
	PerSecond   float64 `json:"per_second"`     // deliveries
	CPU         float64 `json:"cpu"`            // share of a core, the lane's server
	Busy        float64 `json:"busy,omitempty"` // share of the time that the server's loop worked, as it says itself
	RSS         int64   `json:"rss"`            // bytes of resident memory, the lane's server
}

// Judgement is what became of one limit.
type Judgement struct {
	scenario.Limit
	Text    string  `json:"text"`                      // the limit in words
	Unit    string  `json:"unit"`                      // "x" for ratios
	Value   float64 `json:"value"`                     // as measured
	Low     float64 `json:"low"`                       // 95% interval
	High    float64 `json:"high"`                      // the interval's other end
	Floor   float64 `json:"floor,omitempty"`           // the same figure of the floor, which only a server that joins messages can beat
	Pairs   int     `json:"pairs"`                     // rounds, or samples, that the interval is made of
	Needed  int     `json:"needed,omitempty"`          // undecided: so many more pairs may settle it
	Verdict Verdict `json:"verdict"`                   // what the interval says of at_most
	Reached bool    `json:"stretch_reached,omitempty"` // all of the interval is within stretch
	Note    string  `json:"note,omitempty"`            // what is to be known of it
}

// Refusal is a reason not to judge.
type Refusal struct {
	Code string `json:"code"`           // the reason, for programs
	Text string `json:"text"`           // what was seen, why it spoils the figures, what to do
	Lane string `json:"lane,omitempty"` // of which lane it is said
}

// Verdict is the outcome of a run or of one limit.
type Verdict string

// The verdicts, and the exit codes they are told by.
const (
	Holds     Verdict = "holds"     // 0
	Worse     Verdict = "worse"     // 1
	Refused   Verdict = "refused"   // 3
	Undecided Verdict = "undecided" // 4
	Stated    Verdict = "stated"    // of a figure without a limit; a run is none
)

// Reasons to refuse.
const (
	Starved      = "generator-starved"   // it was runnable and had no core, or had no time left
	Unproven     = "generator-unproven"  // a server gave nearly as much as the generator takes
	SlowBroker   = "broker-slow"         // its acknowledgements, or the publisher's schedule, were late
	FloorMoved   = "floor-moved"         // the same work cost more at the end than at the start
	Unsettled    = "server-unsettled"    // a server's cost over the floor's was another at the end than at the start
	Foreigners   = "machine-disturbed"   // others used the server's core, or the hypervisor took it
	Lossy        = "lost"                // lost, doubled, reordered, or reach below 100%
	NotStalled   = "stalled-not-full"    // stalled clients whose sockets never filled
	NotPending   = "pending-not-reached" // records that should go out together did not
	Incomplete   = "incomplete"          // interrupted, or too few slices
	NotConnected = "not-connected"       // fewer connections than the scenario has
	SharedCores  = "cores-shared"        // a latency is judged of a server that shares a core with the load
	NotResumed   = "resume-too-short"    // those who resumed were done before they could be in anybody's way
)
