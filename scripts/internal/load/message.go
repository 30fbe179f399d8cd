package load

// message is what of a data message is looked at.
type message struct {
	seq       uint64 // ws; 0 where there is none
	channel   int32  // its number in the plan; -1: none of them
	partition int32  // ws; -1 where there is no pos
	offset    int64
	n         int64 // counts the channel's records from 1
	sent      int64 // when it was to be sent, Unix µs
}

// The layouts of data messages, as far as they are the same in each: of ws (PROTOCOL.md P5.1), of the hub, which has no
// seq and no pos or puts them where ws does, and of centrifuge.
const (
	seqHead   = `{"seq":`
	seqField  = 16 // the number, filled up with spaces
	seqTail   = `,"type":"message","channel":"`
	plainHead = `{"type":"message","channel":"`
	posHead   = `,"pos":"trade/`
	timeHead  = `,"ts":`
	dataHead  = `,"data":`
	pushHead  = `{"push":{"channel":"`
	pubHead   = `,"pub":{"data":`
	nHead     = `{"n":`
	sentHead  = `,"sent":`
)

// readEnvelope reads a data message of the dialects ws and hub in its usual layout. It does not when anything is
// unusual: other fields, other white space, another event. What comes after `sent` is not looked at but for its end.
func (m *message) readEnvelope(p []byte) bool {
	m.seq, m.partition, m.offset = 0, -1, 0
	i := len(plainHead)
	if !has(p, 0, plainHead) {
		const tail = len(seqHead) + seqField
		if !has(p, tail, seqTail) || !has(p, 0, seqHead) {
			return false
		}
		seq, end := number(p, len(seqHead))
		if end < 0 {
			return false
		}
		for ; end < tail; end++ {
			if p[end] != ' ' {
				return false
			}
		}
		if end != tail {
			return false
		}
		m.seq, i = uint64(seq), tail+len(seqTail)
	}
	if i = m.readChannel(p, i); i < 0 {
		return false
	}
	if has(p, i, posHead) {
		partition, end := number(p, i+len(posHead))
		if end < 0 || !has(p, end, ":") || partition > maxPartition {
			return false
		}
		offset, end := number(p, end+1)
		if end < 0 || !has(p, end, `"`) {
			return false
		}
		m.partition, m.offset, i = int32(partition), offset, end+1
	}
	if has(p, i, timeHead) {
		if _, i = number(p, i+len(timeHead)); i < 0 {
			return false
		}
	}
	return has(p, i, dataHead) && m.readValue(p, i+len(dataHead)) && has(p, len(p)-2, "}}")
}

// maxPartition is more than any topic has, and bounds the table of positions.
const maxPartition = 1<<12 - 1

// readPush is readEnvelope for one reply of a centrifuge frame.
func (m *message) readPush(p []byte) bool {
	m.seq, m.partition, m.offset = 0, -1, 0
	if !has(p, 0, pushHead) {
		return false
	}
	i := m.readChannel(p, len(pushHead))
	return i >= 0 && has(p, i, pubHead) && m.readValue(p, i+len(pubHead)) && has(p, len(p)-4, "}}}}")
}

// channelTail ends the name of a channel that somebody publishes to: S, five digits, and this.
const channelTail = `.trade"`

const channelDigits = 5

// readChannel reads a channel's name and the quote after it, and returns where it ends, or -1.
func (m *message) readChannel(p []byte, i int) int {
	const size = 1 + channelDigits + len(channelTail)
	if i+size > len(p) || p[i] != 'S' || string(p[i+1+channelDigits:i+size]) != channelTail {
		return -1
	}
	var channel int32
	for _, b := range p[i+1 : i+1+channelDigits] {
		if b-'0' > 9 {
			return -1
		}
		channel = channel*10 + int32(b-'0')
	}
	m.channel = channel
	return i + size
}

// readValue reads n and sent of a record's value.
func (m *message) readValue(p []byte, i int) bool {
	if !has(p, i, nHead) {
		return false
	}
	if m.n, i = number(p, i+len(nHead)); i < 0 || !has(p, i, sentHead) {
		return false
	}
	m.sent, i = number(p, i+len(sentHead))
	return i >= 0 && i < len(p) && (p[i] == ',' || p[i] == '}')
}

// has says whether s stands at p[i:].
func has(p []byte, i int, s string) bool {
	return i >= 0 && i+len(s) <= len(p) && string(p[i:i+len(s)]) == s
}

// number reads a JSON number that is a whole one from 0 to 18 digits long; end is -1 when there is none.
func number(p []byte, i int) (value int64, end int) {
	begin := i
	for i < len(p) && p[i]-'0' <= 9 {
		value = value*10 + int64(p[i]-'0')
		i++
	}
	if n := i - begin; n == 0 || n > 18 || n > 1 && p[begin] == '0' {
		return 0, -1
	}
	return value, i
}
