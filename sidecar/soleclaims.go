package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
)

// soleClaims serve an instance that shares its rules with nobody: worker id 0, and segments whose floors are kept in its
// state directory. A directory must not serve two instances at the same time.
type soleClaims struct {
	dir string
	now func() time.Time
	// floor is the greatest key in the table of a segment that is used for the first time.
	floor func(ctx context.Context, name string) (uint64, error)

	mu    sync.Mutex // guards the files of dir, and until
	until time.Time  // end of the worker claim, on disk
}

// The worker claim is extended ahead of its end, and what is on disk is never behind what was used: an instance that
// starts with its clock stepped back waits until the clock has passed what an earlier run may have used.
const (
	soleClaim  = 15 * time.Minute
	soleRenew  = 5 * time.Minute
	workerFile = "worker"
)

func newSoleClaims(dir string, floor func(context.Context, string) (uint64, error)) (*soleClaims, error) {
	dir = filepath.Join(dir, "claims")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of claims: %w", err)
	}
	return &soleClaims{dir: dir, now: time.Now, floor: floor}, nil
}

// Worker returns worker 0 and the end of its claim.
func (c *soleClaims) Worker() (id uint16, until time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.until.Sub(now) > soleRenew {
		return 0, c.until, nil
	}
	if c.until.IsZero() {
		last, err := c.read(workerFile)
		if err != nil {
			return 0, time.Time{}, err
		}
		// The claim on disk was made at most soleClaim before its end: a clock before that has been stepped back.
		if made := time.UnixMilli(int64(last)).Add(-soleClaim); last > 0 && now.Before(made) {
			return 0, time.Time{}, fmt.Errorf("the clock is %v behind what an earlier run has used", made.Sub(now).Round(time.Second))
		}
	}
	end := now.Add(soleClaim)
	if err := c.write(workerFile, uint64(end.UnixMilli())); err != nil {
		return 0, time.Time{}, err
	}
	c.until = end
	return 0, end, nil
}

// NextRange returns the first of n numbers that were never given before. The new floor is on disk before they are.
func (c *soleClaims) NextRange(ctx context.Context, name string, n, _ uint64) (first uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	given, _, err := c.given(ctx, name)
	if err != nil {
		return 0, err
	}
	if given+n < given {
		return 0, fmt.Errorf("segment %s is exhausted", name)
	}
	return given + 1, c.write(segmentFile(name), given+n)
}

// Raise has later ranges begin at next or above, which is on disk before the rows are.
func (c *soleClaims) Raise(ctx context.Context, name string, next uint64) (mark uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	given, known, err := c.given(ctx, name)
	if err != nil || known && given+1 >= next {
		return given + 1, err
	}
	given = max(given, next-1)
	return given + 1, c.write(segmentFile(name), given)
}

// Settle is Raise: there are no other instances.
func (c *soleClaims) Settle(ctx context.Context, name string, next uint64) (mark uint64, err error) {
	return c.Raise(ctx, name, next)
}

// given is the greatest number of a segment that was given, or that a row has which was there before the segment.
func (c *soleClaims) given(ctx context.Context, name string) (n uint64, known bool, err error) {
	n, err = c.read(segmentFile(name))
	if err != nil || n > 0 {
		return n, n > 0, err
	}
	if n, err = c.floor(ctx, name); err != nil {
		return 0, false, fmt.Errorf("the greatest value of %s: %w", name, err)
	}
	return n, false, nil
}

func segmentFile(name string) string { return "segment " + url.PathEscape(name) }

func (c *soleClaims) read(file string) (uint64, error) {
	text, err := durable.Read(filepath.Join(c.dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read a claim: %w", err)
	}
	return strconv.ParseUint(string(text), 10, 64)
}

func (c *soleClaims) write(file string, n uint64) error {
	if err := durable.Write(filepath.Join(c.dir, file), strconv.AppendUint(nil, n, 10)); err != nil {
		return fmt.Errorf("write a claim: %w", err)
	}
	return nil
}
