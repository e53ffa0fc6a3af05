package sharding

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// interval places a row by its date: node i has the i-th interval from start on. Properties:
//
//	start    "2026-01-01" or "2026-01-01 00:00:00", the first moment of node 0; for TIMESTAMP columns in UTC
//	unit     hour, day, week, month or year; default month
//	every    units per interval; default 1
//	outside  what becomes of keys before start or beyond the last node: refuse (the default) or clamp, to the
//	         first and last node
//
// NULL is refused, or on node 0 under clamp. An interval of months starts on the day of the month of start, at most 28.
type interval struct {
	nodes  int
	starts []time.Time // of each node, and the end of the last
	clamp  bool
}

var intervalUnits = []string{"hour", "day", "week", "month", "year"}

func newInterval(_ context.Context, cfg Config) (Algorithm, error) {
	p := cfg.Properties
	if err := p.known("start", "unit", "every", "outside"); err != nil {
		return nil, err
	}
	if err := checkColumns(cfg, 1, 1, FamilyDate, FamilyDatetime, FamilyTimestamp); err != nil {
		return nil, err
	}
	text, err := p.text("start", "")
	if err != nil {
		return nil, err
	}
	start, ok := readMoment([]byte(text))
	if !ok || start.Day() > 28 {
		return nil, fmt.Errorf("property \"start\" must be a date such as 2026-01-01, up to the 28th, not %q", text)
	}
	unit, err := p.text("unit", "month")
	if err != nil {
		return nil, err
	}
	if !slices.Contains(intervalUnits, unit) {
		return nil, fmt.Errorf("property \"unit\" must be one of %s, not %q", strings.Join(intervalUnits, ", "), unit)
	}
	every, err := p.integer("every", 1, 1, 10000)
	if err != nil {
		return nil, err
	}
	outside, err := p.text("outside", "refuse")
	if err != nil {
		return nil, err
	}
	if outside != "refuse" && outside != "clamp" {
		return nil, fmt.Errorf("property \"outside\" must be refuse or clamp, not %q", outside)
	}
	a := &interval{nodes: cfg.Nodes, clamp: outside == "clamp"}
	for i := 0; i <= cfg.Nodes; i++ {
		a.starts = append(a.starts, advance(start.Time, unit, i*every))
	}
	return a, nil
}

func advance(t time.Time, unit string, n int) time.Time {
	switch unit {
	case "hour":
		return t.Add(time.Duration(n) * time.Hour)
	case "day":
		return t.AddDate(0, 0, n)
	case "week":
		return t.AddDate(0, 0, 7*n)
	case "month":
		return t.AddDate(0, n, 0)
	}
	return t.AddDate(n, 0, 0)
}

// Nodes implements Algorithm.
func (a *interval) Nodes() int { return a.nodes }

// Locate implements Algorithm.
func (a *interval) Locate(key []Key) (int, error) {
	if key[0].Null {
		if a.clamp {
			return 0, nil
		}
		return 0, ErrNoNode
	}
	i, err := a.find(key[0])
	if err != nil {
		return 0, err
	}
	if i < 0 || i >= a.nodes {
		if !a.clamp {
			return 0, ErrNoNode
		}
		i = min(max(i, 0), a.nodes-1)
	}
	return i, nil
}

// find is the number of the interval: -1 before the first, nodes behind the last.
func (a *interval) find(k Key) (int, error) {
	m, ok := readMoment(k.Canon)
	if !ok {
		return 0, fmt.Errorf("interval: %q is not a date", k.Canon)
	}
	i, found := slices.BinarySearchFunc(a.starts, m.Time, time.Time.Compare)
	if !found {
		i--
	}
	return i, nil
}

// Prune implements Algorithm.
func (a *interval) Prune(conds []Cond) Set {
	lo, hi := 0, a.nodes-1
	if b := conds[0].Lo; b != nil {
		i, err := a.find(b.Key)
		if err != nil {
			return All(a.nodes)
		}
		lo = a.limit(i, a.nodes)
	}
	if b := conds[0].Hi; b != nil {
		i, err := a.find(b.Key)
		if err != nil {
			return All(a.nodes)
		}
		hi = a.limit(i, a.nodes-1)
	}
	return span(lo, min(hi, a.nodes-1))
}

// limit brings an interval's number into the range of nodes; under clamp the end nodes have what lies outside.
func (a *interval) limit(i, top int) int {
	if a.clamp {
		return min(max(i, 0), a.nodes-1)
	}
	if i < 0 {
		if top == a.nodes { // a lower bound before the start
			return 0
		}
		return -1 // an upper bound before the start: nothing
	}
	return min(i, top)
}
