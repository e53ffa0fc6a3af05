package keygen

import (
	"fmt"
	"sync"
)

// Set is a process's generators, kept while rules come and go: a generator that is made anew would throw its range
// away, and two snowflakes of one worker need one memory. Make one per process and share it.
type Set struct {
	clock    Clock
	workers  WorkerIDs
	segments Segments
	ticks    Ticks

	mu   sync.Mutex // guards made
	made map[string]Generator
}

// NewSet returns an empty Set. A nil clock is SystemClock; nil workers or segments make the generators that need
// them fail when asked for a key.
func NewSet(clock Clock, workers WorkerIDs, segments Segments) *Set {
	return &Set{clock: clock, workers: workers, segments: segments, made: map[string]Generator{}}
}

// Generator returns the generator of the column name ("database.table.column"), the same one for the same type and
// properties.
func (s *Set) Generator(name, typ string, properties map[string]any) (Generator, error) {
	id := fmt.Sprintf("%s\x00%s\x00%v", name, typ, properties) // fmt prints maps sorted by key
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.made[id]; ok {
		return g, nil
	}
	g, err := New(typ, Config{Name: name, Properties: properties, Clock: s.clock, Workers: s.workers, Ticks: &s.ticks, Segments: s.segments})
	if err != nil {
		return nil, err
	}
	s.made[id] = g
	return g, nil
}
