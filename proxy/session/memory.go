package session

import (
	"sync"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/merge"
)

// room is asked before a text is read that is long, and before any is parsed: the tokens and the tree of garbage are a hundred
// times its bytes, of which the network brings megabytes a second. Given back at the end of the command.
func (s *Session) room(bytes int64) error {
	if err := s.srv.Memory.Reserve("the reading of the statement", bytes); err != nil {
		return err
	}
	s.roomed += bytes
	return nil
}

// read gives back what room has taken.
func (s *Session) read() {
	s.srv.Memory.Release(s.roomed)
	s.roomed = 0
}

// parse reads a text that the client has sent.
func (s *Session) parse(text []byte) (*parser.Statement, error) {
	return parser.ParseWithin(string(text), s.mode, s.room)
}

// kept are the statements that prepared ones of all sessions hold on to, with how many do: the cache of plans may have
// dropped them, so that its budget does not count them, and each is there once for however many sessions.
type kept struct {
	mu sync.Mutex
	by map[*Statement]int
}

// keep counts one more holder of a statement. The first has it charged.
func (k *kept) keep(st *Statement, memory *merge.Budget) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by[st] == 0 {
		if err := memory.Reserve("prepared statements", int64(st.Size())); err != nil {
			return err
		}
	}
	if k.by == nil {
		k.by = map[*Statement]int{}
	}
	k.by[st]++
	return nil
}

// leave counts one less.
func (k *kept) leave(st *Statement, memory *merge.Budget) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by[st]--; k.by[st] == 0 {
		delete(k.by, st)
		memory.Release(int64(st.Size()))
	}
}
