package wire

import (
	"encoding/base64"
	"strconv"
)

// SeqLen is the length of what PutSeq writes. The number stands in a field of
// fixed width so that the rest of the frame is the same bytes for every
// subscriber.
const SeqLen = len(seqField)

const seqField = `{"seq":                ,`

// MaxSeq is the largest seq that fits its field.
const MaxSeq = 9_999_999_999_999_999

// PutSeq writes `{"seq":N…,` with N and spaces filling 16 characters, exactly
// SeqLen bytes, to the front of dst. It panics if dst is shorter, or seq is over
// MaxSeq: at a million messages a second that takes three hundred years.
func PutSeq(dst []byte, seq uint64) {
	if seq > MaxSeq {
		panic("wire: seq over MaxSeq")
	}
	field := dst[:SeqLen:SeqLen]
	copy(field, seqField)
	strconv.AppendUint(field[:len(`{"seq":`)], seq, 10)
}

// A Record is what a data message says of a Kafka record.
type Record struct {
	// Symbol is the symbol header or the key; ValidSymbol holds for it.
	Symbol []byte
	// Event is the topic's event; ValidEvent holds for it.
	Event     string
	Partition int32
	Offset    int64
	// Timestamp is the record's own, in Unix milliseconds.
	Timestamp int64
	// Value is nil for a tombstone; an empty value is empty and not nil.
	Value []byte
}

// AppendBody renders all of a data message that follows the seq field,
// `"type":"message",…}`, and returns the extended buffer. The value stands in
// `data` byte for byte if ValidJSON holds for it, else in `data_base64`
// (RFC 4648 section 4); a tombstone's `data` is null. It allocates nothing but
// what dst needs, and keeps neither r.Symbol nor r.Value.
func AppendBody(dst []byte, r Record) []byte {
	dst = append(dst, `"type":"message","channel":"`...)
	dst = appendEscaped(dst, r.Symbol)
	dst = append(dst, '.')
	dst = append(dst, r.Event...)
	dst = append(dst, `","pos":"`...)
	dst = append(dst, r.Event...)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(r.Partition), 10)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, r.Offset, 10)
	dst = append(dst, `","ts":`...)
	dst = strconv.AppendInt(dst, r.Timestamp, 10)
	switch {
	case r.Value == nil:
		return append(dst, `,"data":null}`...)
	case ValidJSON(r.Value):
		dst = append(dst, `,"data":`...)
		dst = append(dst, r.Value...)
		return append(dst, '}')
	default:
		dst = append(dst, `,"data_base64":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, r.Value)
		return append(dst, `"}`...)
	}
}
