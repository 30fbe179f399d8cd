package kafka

import (
	"sync"
	"sync/atomic"
)

// mailbox hands things from one goroutine to another that looks when it likes:
// neither ever waits for the other. Little is ever in it.
type mailbox[T any] struct {
	any  atomic.Bool
	mu   sync.Mutex
	post []T
}

func (m *mailbox[T]) put(one T) {
	m.mu.Lock()
	m.post = append(m.post, one)
	m.mu.Unlock()
	m.any.Store(true)
}

func (m *mailbox[T]) take() []T {
	if !m.any.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.any.Store(false)
	post := m.post
	m.post = nil
	return post
}
