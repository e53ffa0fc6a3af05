package keygen

import (
	"context"
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

	mu     sync.Mutex // guards what follows
	made   map[string]Generator
	ranges map[string]*Ranges // by the name of the sequence
}

// NewSet returns an empty Set. A nil clock is SystemClock; nil workers or segments make the generators that need
// them fail when asked for a key.
func NewSet(clock Clock, workers WorkerIDs, segments Segments) *Set {
	return &Set{clock: clock, workers: workers, segments: segments, made: map[string]Generator{}, ranges: map[string]*Ranges{}}
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
	g, err := New(typ, Config{Name: name, Properties: properties, Clock: s.clock, Workers: s.workers, Ticks: &s.ticks,
		Segments: s.segments, Ranges: s.rangesOf(name)})
	if err != nil {
		return nil, err
	}
	s.made[id] = g
	return g, nil
}

// Drop forgets the numbers of a sequence below a bound, and returns when the statements that use some have ended.
func (s *Set) Drop(ctx context.Context, name string, below uint64) error {
	s.mu.Lock()
	r := s.rangesOf(name)
	s.mu.Unlock()
	return r.drop(ctx, below)
}

// rangesOf makes what is not there. mu is held.
func (s *Set) rangesOf(name string) *Ranges {
	r, ok := s.ranges[name]
	if !ok {
		r = &Ranges{}
		s.ranges[name] = r
	}
	return r
}
