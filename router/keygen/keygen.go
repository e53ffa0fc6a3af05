// Package keygen makes keys: snowflake, segment and uuid (v7). A generator belongs to one column of one table and
// hands out batches, one per INSERT.
//
// It is not the store in which worker ids and segments are claimed: WorkerIDs and Segments are owned here and
// implemented elsewhere. It starts no goroutine and reads no clock but the one it is given.
//
// Level: router's lowest floor beside sharding; pure but for the two interfaces.
package keygen

import (
	"context"
	"time"
)

// Generator makes keys for one column. Strangers may implement it; keygentest.Conform checks the rules:
//
//  1. It is safe for concurrent use.
//  2. No key is ever given twice: not by two calls, not by two instances that share the WorkerIDs or Segments, not
//     after a restart, not when the clock steps back. When that cannot be kept, Next returns an error.
//  3. The keys of one call are First, First+Step, … with Step 1: drivers derive the ids of the other rows from the
//     first. Ranges that are too short are thrown away, never split.
//  4. Integer keys are between 1 and MaxInt64.
//  5. Next(ctx, n) refuses n < 1, and n beyond what it can give in one run, naming the limit.
//  6. Next may wait, bounded, and stops waiting when ctx ends.
//  7. A factory refuses an unknown property, naming it and the ones it knows.
type Generator interface {
	Next(ctx context.Context, n int) (Batch, error)
}

// Raiser is a Generator that counts: a key that a client gives may be one that is due later.
type Raiser interface {
	Generator
	// Raise is told of the keys that a client gives before its rows with them are stored. Later calls of Next on this
	// instance, and of Fresh on every one, give keys above them.
	Raise(ctx context.Context, given Given) error
	// Fresh is Next for a statement that would pass over, replace or change a row that has the key already. Its keys are
	// above all that any instance has given or Raise was told of.
	Fresh(ctx context.Context, n int) (Batch, error)
	// Done tells that the statement for which the keys of a batch of Next or Fresh were generated has ended.
	Done(Batch)
}

// Given are the keys that a client gives in one statement, from Low to High.
type Given struct {
	Low, High uint64
	// Alone: no server would find a key twice, because no unique key has it together with the sharding key. Then no
	// instance generates one of them later, and whoever was given one has stored it, when Raise returns; or it fails.
	Alone bool
}

// WorkerIDs is the claim of a worker id, held by the instance.
type WorkerIDs interface {
	// Worker returns the claimed id (0 … MaxWorker) and the time until which it is this instance's alone. It answers
	// at once, from memory. An id comes back to life only when the clock has passed the end of every earlier claim
	// of it, so that no tick of an earlier holder is used again.
	Worker() (id uint16, until time.Time, err error)
}

// Segments hands out ranges of a named sequence.
type Segments interface {
	// NextRange returns the first of n numbers (first ≥ 1) that are given to nobody else, ever; n ≥ 1. low is the lowest
	// number of earlier ranges that the caller may still use, or uses; 0: none.
	NextRange(ctx context.Context, name string, n, low uint64) (first uint64, err error)
	// Raise has later ranges begin at next or above. mark is where they begin.
	Raise(ctx context.Context, name string, next uint64) (mark uint64, err error)
	// Settle is Raise, and returns when no other instance uses a number below mark any more, mark being next or above.
	Settle(ctx context.Context, name string, next uint64) (mark uint64, err error)
}

// Clock is the time as generators see it.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or with ctx's error when ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
}
