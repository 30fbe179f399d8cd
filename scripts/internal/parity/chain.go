package parity

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// sum is a SHA-256.
type sum [sha256.Size]byte

func (s sum) String() string { return hex.EncodeToString(s[:]) }

// chain is the digest of one channel in one partition so far: of the messages in the order in which they came. It begins with
// zeros, and each message makes of it
//
//	SHA-256(chain ∥ offset, 8 bytes, big-endian ∥ SHA-256(body))
//
// so that one that is missing, double, elsewhere in the order or other by a bit gives another one. It takes 32 bytes,
// however many messages there are.
type chain struct {
	sum      sum
	messages int64
}

func (c *chain) add(offset int64, body sum) {
	var b [2*sha256.Size + 8]byte
	copy(b[:], c.sum[:])
	binary.BigEndian.PutUint64(b[sha256.Size:], uint64(offset))
	copy(b[sha256.Size+8:], body[:])
	c.sum = sha256.Sum256(b[:])
	c.messages++
}

// digest is a channel's: of its chains by partition, for the order of messages of different partitions is nobody's promise.
//
//	SHA-256(partition, 4 bytes, big-endian ∥ chain ∥ …), ascending by partition
func digest(chains map[int32]sum) sum {
	h := sha256.New()
	for _, partition := range slices.Sorted(maps.Keys(chains)) {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(partition))
		h.Write(b[:])
		one := chains[partition]
		h.Write(one[:])
	}
	return sum(h.Sum(nil))
}

// digestOfAll is the digest of channels by name: SHA-256(name ∥ 0 ∥ digest ∥ …), ascending by name.
func digestOfAll(digests map[string]sum) sum {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		h.Write(append([]byte(name), 0))
		one := digests[name]
		h.Write(one[:])
	}
	return sum(h.Sum(nil))
}
