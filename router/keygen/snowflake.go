package keygen

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
)

// The layout of a snowflake, a positive int64, from the high end:
//
//	1 bit   0
//	38 bits ticks of 10 ms since 2026-01-01T00:00:00Z (enough until 2113)
//	10 bits worker id
//	15 bits number within the tick
//
// The number is lowest and wide because the keys of one INSERT are consecutive integers: a run may not spill into
// the worker's bits. A tick of 10 ms gives the rate of the common 1 ms × 12 bits with eight times its run.
const (
	SnowflakeTick = 10 * time.Millisecond
	MaxWorker     = 1<<workerBits - 1
	// MaxSnowflakeRun is how many keys one call can ask for.
	MaxSnowflakeRun = 1<<sequenceBits - spread

	workerBits   = 10
	sequenceBits = 15
	tickBits     = 38
	// spread: a tick's first number continues the last one's low bits instead of starting at 0; otherwise a table
	// that gets less than a row a tick would only have keys divisible by every power of two, a skew for mod.
	spread = 64
)

// SnowflakeEpoch is tick 0.
var SnowflakeEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// snowflake properties:
//
//	max_wait  how long Next waits for a clock that stepped back, or for the next tick; default 1s
type snowflake struct {
	clock   Clock
	workers WorkerIDs
	maxWait time.Duration
	ticks   *Ticks
}

// Ticks remembers which numbers of the present tick are taken. A process has one for all its snowflake generators,
// whatever becomes of them when rules change: two generators of one worker without a common memory would give the
// same keys. As a gift, the keys of different tables differ too.
type Ticks struct {
	mu   sync.Mutex // guards what follows
	tick int64      // the last tick used; 0 before the first (a tick years ago)
	next int64      // the first free number in tick
}

func newSnowflake(cfg Config) (Generator, error) {
	if err := known(cfg.Properties, "max_wait"); err != nil {
		return nil, err
	}
	wait, err := duration(cfg.Properties, "max_wait", time.Second, time.Minute)
	if err != nil {
		return nil, err
	}
	clock := cfg.Clock
	if clock == nil {
		clock = SystemClock{}
	}
	ticks := cfg.Ticks
	if ticks == nil {
		ticks = &Ticks{}
	}
	return &snowflake{clock: clock, workers: cfg.Workers, maxWait: wait, ticks: ticks}, nil
}

// Next implements Generator.
func (g *snowflake) Next(ctx context.Context, n int) (Batch, error) {
	if n < 1 || n > MaxSnowflakeRun {
		return Batch{}, sqlerr.KeygenUnavailable(fmt.Sprintf("snowflake gives 1 to %d ids to one statement, not %d", MaxSnowflakeRun, n))
	}
	if g.workers == nil {
		return Batch{}, sqlerr.KeygenUnavailable("snowflake has no worker id")
	}
	for waited := time.Duration(0); ; {
		first, wait, err := g.take(int64(n))
		if err != nil || wait == 0 {
			return Batch{First: first, Step: 1}, err
		}
		if waited+wait > g.maxWait {
			return Batch{}, sqlerr.KeygenUnavailable(fmt.Sprintf("the clock is %s behind the last id", wait))
		}
		waited += wait
		if err := g.clock.Sleep(ctx, wait); err != nil {
			return Batch{}, fmt.Errorf("snowflake: wait for the clock: %w", err)
		}
	}
}

// take gives n numbers of the present tick, or says how long to wait for a tick that has them.
func (g *snowflake) take(n int64) (first uint64, wait time.Duration, err error) {
	t := g.ticks
	t.mu.Lock()
	defer t.mu.Unlock()
	worker, until, err := g.workers.Worker()
	if err != nil {
		return 0, 0, sqlerr.KeygenUnavailable("no worker id: " + err.Error())
	}
	if worker > MaxWorker {
		return 0, 0, sqlerr.KeygenUnavailable(fmt.Sprintf("worker id %d is beyond %d", worker, MaxWorker))
	}
	now := g.clock.Now()
	if !now.Before(until) {
		return 0, 0, sqlerr.KeygenUnavailable("the claim of the worker id ended at " + until.UTC().Format(time.RFC3339))
	}
	since := now.Sub(SnowflakeEpoch)
	tick := int64(since / SnowflakeTick)
	if since < 0 || tick >= 1<<tickBits {
		return 0, 0, sqlerr.KeygenUnavailable("the clock is outside the years of snowflake ids: " + now.UTC().Format(time.RFC3339))
	}
	start := t.next
	switch {
	case tick > t.tick:
		start = t.next % spread
	case tick < t.tick:
		return 0, time.Duration(t.tick)*SnowflakeTick - since, nil
	}
	if start+n > 1<<sequenceBits {
		return 0, time.Duration(t.tick+1)*SnowflakeTick - since, nil
	}
	t.tick, t.next = tick, start+n
	return uint64(tick)<<(workerBits+sequenceBits) | uint64(worker)<<sequenceBits | uint64(start), 0, nil
}
