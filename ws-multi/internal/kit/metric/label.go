package metric

// Values of ConnectionsRejected's reason.
const (
	RejectOrigin             = "origin"              // 403: the Origin is not allowed
	RejectRate               = "rate"                // 503: too many handshakes a second
	RejectAddrRate           = "addr_rate"           // 429: too many handshakes a second from one address
	RejectConnections        = "connections"         // 503: too many connections
	RejectAddrConnections    = "addr_connections"    // 429: too many connections of one address
	RejectSubjectConnections = "subject_connections" // 4503: too many connections of one token subject
	RejectCPU                = "cpu"                 // 503: CPU guard
	RejectMemory             = "memory"              // 503: memory guard
	RejectDraining           = "draining"            // 503: the server drains
	RejectNotReady           = "not_ready"           // 503: not caught up with Kafka yet
	RejectToken              = "token"               // 4501: the token is missing or not valid
)

// Rejects lists the values of ConnectionsRejected's reason.
func Rejects() []string {
	return []string{
		RejectOrigin, RejectRate, RejectAddrRate, RejectConnections, RejectAddrConnections, RejectSubjectConnections,
		RejectCPU, RejectMemory, RejectDraining, RejectNotReady, RejectToken,
	}
}

// Values of KafkaRecordsSkipped's reason: what is wrong with the symbol.
const (
	SkipMissing   = "missing"   // neither a symbol header nor a key
	SkipEmpty     = "empty"     // no bytes
	SkipLong      = "long"      // more than 64 bytes
	SkipUTF8      = "utf8"      // not UTF-8
	SkipCharacter = "character" // `.`, `*`, `/`, a control character or white space
)

// Skips lists the values of KafkaRecordsSkipped's reason.
func Skips() []string {
	return []string{SkipMissing, SkipEmpty, SkipLong, SkipUTF8, SkipCharacter}
}

const (
	// CommandOther is the type of a command whose type is unknown.
	CommandOther = "other"
	// CommandOK is the result of a command that was done. The result of any
	// other is the error code that was sent, such as BAD_REQUEST.
	CommandOK = "ok"
)

// Values of Resumes' result.
const (
	ResumeRecovered = "recovered" // every event of the cursor goes on where it was
	ResumeLost      = "lost"      // at least one event does not
)

// Resumed lists the values of Resumes' result.
func Resumed() []string { return []string{ResumeRecovered, ResumeLost} }

// Values of Memory's kind.
const (
	MemoryGo     = "go"
	MemoryNative = "native"
	MemoryKernel = "kernel"
)

// MemoryKinds lists the values of Memory's kind.
func MemoryKinds() []string { return []string{MemoryGo, MemoryNative, MemoryKernel} }

// CodeNone is the code of a connection that ended without a close frame, as
// RFC 6455 section 7.1.5 numbers it.
const CodeNone = "1006"
