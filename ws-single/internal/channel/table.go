// Package channel gives every channel name a small number, so that the
// history and the subscription index can be arrays and the delivery path
// compares integers.
//
// A Table belongs to the event loop's goroutine. A channel lives as long as
// somebody holds it: the history while it keeps a message of the channel, the
// index while somebody subscribes to it. After that its number is used again,
// so a feed with ever new keys does not grow the table without bound.
package channel

// ID is a channel's number while it is held.
type ID uint32

// Table interns channel names. Only the loop's goroutine may use it.
type Table struct {
	ids  map[string]ID
	all  []info
	free []ID
}

type info struct {
	name  string // symbol.event
	event int
	holds int32
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{ids: make(map[string]ID)}
}

// Find returns the number of symbol.event if somebody holds it.
func (t *Table) Find(name []byte) (ID, bool) {
	id, ok := t.ids[string(name)]
	return id, ok
}

// Hold returns the number of the channel with this name, of the event with
// this index, and counts one more holder.
func (t *Table) Hold(name []byte, event int) ID {
	if id, ok := t.ids[string(name)]; ok {
		t.all[id].holds++
		return id
	}
	var id ID
	if n := len(t.free); n > 0 {
		id = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		id = ID(len(t.all))
		t.all = append(t.all, info{})
	}
	s := string(name)
	t.all[id] = info{name: s, event: event, holds: 1}
	t.ids[s] = id
	return id
}

// Keep counts one more holder of a channel that is held already.
func (t *Table) Keep(id ID) { t.all[id].holds++ }

// Release takes one holder away; with the last one the channel is forgotten.
func (t *Table) Release(id ID) {
	c := &t.all[id]
	if c.holds--; c.holds > 0 {
		return
	}
	delete(t.ids, c.name)
	*c = info{}
	t.free = append(t.free, id)
}

// Name is the channel's name, symbol.event.
func (t *Table) Name(id ID) string { return t.all[id].name }

// Event is the index of the channel's event.
func (t *Table) Event(id ID) int { return t.all[id].event }

// Len counts the channels that are held.
func (t *Table) Len() int { return len(t.ids) }
