package loop

// due is what live connections are to be sent next: lists in one array, used
// again when all have been served. A connection holds two numbers, and a sweep
// allocates nothing. It is only a short cut: what a connection is due can
// always be pulled from the history.
type due struct {
	n    uint64
	next int32
}

// dueList is a connection's list, by places in Loop.due counted from 1.
type dueList struct {
	head, tail int32
}

func (d dueList) empty() bool { return d.head == 0 }

// maxDue bounds the array (16 MiB). When it is full the loop takes nothing from
// Kafka until everybody was served; the consumer's own bounded queue waits.
const maxDue = 1 << 20

// holding reports whether nothing is taken from Kafka until everybody was
// served: too much is due, or the history keeps more than it may for what is.
func (l *Loop) holding() bool {
	return len(l.due) >= maxDue || len(l.due) > 0 && l.log.Full()
}

// oldestDue is the first number that some live connection is due.
func (l *Loop) oldestDue() uint64 {
	if len(l.due) == 0 {
		return nothing
	}
	return l.due[0].n
}

func (l *Loop) addDue(d *dueList, n uint64) {
	l.due = append(l.due, due{n: n})
	i := int32(len(l.due))
	if d.tail != 0 {
		l.due[d.tail-1].next = i
	} else {
		d.head = i
	}
	d.tail = i
}

// lastDue is the newest number of a list that is not empty.
func (l *Loop) lastDue(d dueList) uint64 { return l.due[d.tail-1].n }
