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

func newSoleClaims(dir string) (*soleClaims, error) {
	dir = filepath.Join(dir, "claims")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of claims: %w", err)
	}
	return &soleClaims{dir: dir, now: time.Now}, nil
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
func (c *soleClaims) NextRange(_ context.Context, name string, n uint64) (first uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	file := "segment " + url.PathEscape(name)
	floor, err := c.read(file)
	if err != nil {
		return 0, err
	}
	if floor+n < floor {
		return 0, fmt.Errorf("segment %s is exhausted", name)
	}
	return floor + 1, c.write(file, floor+n)
}

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
