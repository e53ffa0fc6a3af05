package dev

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// OpenTemporary opens a Farm in a fresh directory below parent, which Close removes: one for each test binary. The
// template is shared by all below parent. What an earlier process left there, one that was killed or timed out, is
// ended and removed first. server is as in FarmOptions.
func OpenTemporary(ctx context.Context, parent, server string) (*Farm, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", parent, err)
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of temporary servers: %w", err)
	}
	// Until the fresh directory has its own lock, another process could take it for an abandoned one.
	lock, err := waitLock(ctx, parent)
	if err != nil {
		return nil, err
	}
	defer lock.release()
	if err := sweep(ctx, parent); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "run-")
	if err != nil {
		return nil, fmt.Errorf("make a temporary directory: %w", err)
	}
	f, err := OpenFarm(ctx, FarmOptions{Dir: dir, Templates: filepath.Join(parent, "templates"), Server: server, temporary: true})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return f, nil
}

// Dir is the directory of the Farm, absolute. What a test puts beside the servers there goes with it.
func (f *Farm) Dir() string { return f.opts.Dir }

// sweep removes the run directories below parent that nobody has locked.
func sweep(ctx context.Context, parent string) error {
	runs, err := filepath.Glob(filepath.Join(parent, "run-*"))
	if err != nil {
		return fmt.Errorf("look for abandoned directories: %w", err)
	}
	for _, dir := range runs {
		lock, err := tryLock(dir)
		if errors.Is(err, ErrInUse) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = EndOrphans(ctx, dir)
		if err == nil {
			err = os.RemoveAll(dir)
		}
		lock.release()
		if err != nil {
			return fmt.Errorf("remove the abandoned %s: %w", dir, err)
		}
	}
	return nil
}
