package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kept is what a data directory remembers.
type kept struct {
	Servers  int      `json:"servers"`
	Backends []string `json:"backends,omitempty"` // addresses
	Loading  bool     `json:"loading,omitempty"`  // a Load began and was not marked as done
	Loaded   bool     `json:"loaded"`
}

// recall reads what the directory remembers and compares it with the options.
func (s *Stack) recall() error {
	b, err := os.ReadFile(filepath.Join(s.dir, "dev.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the data directory: %w", err)
	}
	fresh := err != nil
	if !fresh {
		if err := json.Unmarshal(b, &s.kept); err != nil {
			return fmt.Errorf("read %s: %w", filepath.Join(s.dir, "dev.json"), err)
		}
	}
	want := kept{Servers: s.opts.Servers, Backends: backendAddrs(s.opts.Backends), Loading: s.kept.Loading, Loaded: s.kept.Loaded}
	if want.Servers == 0 && len(want.Backends) == 0 {
		want.Servers = defaultServers
		if !fresh && s.kept.Servers > 0 {
			want.Servers = s.kept.Servers
		}
	}
	if !fresh && (want.Servers != s.kept.Servers || !slices.Equal(want.Backends, s.kept.Backends)) {
		return fmt.Errorf("%s holds the rows of %s; start with the same, or give another directory with --data", s.dir, s.kept)
	}
	s.kept = want
	return nil
}

func (k kept) String() string {
	if len(k.Backends) > 0 {
		return "the backends " + strings.Join(k.Backends, ", ")
	}
	return fmt.Sprintf("--servers %d", k.Servers)
}

func (s *Stack) remember() error {
	b, err := json.Marshal(s.kept)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "dev.json"), b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("write the data directory: %w", err)
	}
	return nil
}

// dropHalfLoaded empties a kept directory in which a Load was cut off: half of its tables exist, so it could neither
// be repeated nor gone on with. Servers that --backend names are not ours to empty.
func (s *Stack) dropHalfLoaded() error {
	if !s.kept.Loading || s.farm == nil {
		return nil
	}
	s.reset, s.kept.Loading = true, false
	if err := s.wipe(); err != nil {
		return err
	}
	return s.farm.wipe()
}
