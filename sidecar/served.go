package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
	"github.com/heddle-mesh/heddle/sidecar/mesh"
)

// served remembers the rules that were served last from files, in state.dir: nothing else could tell at a start that
// they place rows elsewhere than those by which the rows were written.
type served struct{ path string }

func servedIn(c *config.Config) served { return served{filepath.Join(c.State.Dir, "served-rules")} }

// read gives the documents by name; none before the first start.
func (s served) read() (map[string]string, error) {
	data, err := durable.Read(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	texts := map[string]string{}
	if err == nil {
		err = json.Unmarshal(data, &texts)
	}
	if err != nil {
		return nil, fmt.Errorf("the rules that were served last: %w. Start with --force-placement if you know that no rows are "+
			"looked for elsewhere than they are", err)
	}
	return texts, nil
}

// write remembers documents, and goes on remembering those of databases that are not among them: they may come back.
func (s served) write(docs []*rule.Document) error {
	texts, err := s.read()
	if err != nil {
		texts = map[string]string{} // whoever forces a placement vouches for it
	}
	for _, d := range docs {
		texts[mesh.NameOf(d)] = string(d.Marshal())
	}
	data, err := json.Marshal(texts)
	if err == nil {
		err = durable.Write(s.path, data)
	}
	if err != nil {
		return fmt.Errorf("remember the rules that are served: %w", err)
	}
	return nil
}

// Misplaced tells of the first document of files that has rows elsewhere than the one that was served last. It connects to
// data sources only if asks, to see whether tables that the last one did not name have rows; else such tables are passed over.
func Misplaced(ctx context.Context, c *config.Config, docs []*rule.Document, asks bool) error {
	last, err := servedIn(c).read()
	if err != nil {
		return err
	}
	for _, d := range docs {
		text, ok := last[mesh.NameOf(d)]
		if !ok {
			continue
		}
		if err := misplacedBy(ctx, c, []byte(text), d, asks); err != nil {
			return err
		}
	}
	return nil
}

func misplacedBy(ctx context.Context, c *config.Config, last []byte, d *rule.Document, asks bool) error {
	old, problems := rule.Parse(last)
	if err := problems.Err(); err != nil {
		return fmt.Errorf("the rules that were served last cannot be compared with: %w", err)
	}
	before, err := old.Resolve()
	if err != nil {
		return fmt.Errorf("the rules that were served last cannot be compared with: %w", err)
	}
	after, err := d.Resolve()
	if err != nil {
		return fmt.Errorf("rules of %s: %w", mesh.NameOf(d), err)
	}
	moved, asked := mesh.RowsOf(before, after, rule.PlacementChanges(before, after))
	for _, a := range asked {
		if !asks {
			break
		}
		filled, err := WithRows(ctx, c, &a.Source, a.Nodes)
		if err != nil {
			return fmt.Errorf("whether %s has rows of tables that the rules of %s did not name when they were served last could not be asked: %w. "+
				"Start with --force-placement if you know that there are none", a.Source.Name, mesh.NameOf(d), err)
		}
		moved = append(moved, filled...)
	}
	if len(moved) == 0 {
		return nil
	}
	return &MisplacedError{Database: mesh.NameOf(d), Tables: moved, before: before, after: after}
}

// A MisplacedError is a document by which rows would be looked for elsewhere than they were written.
type MisplacedError struct {
	Database      string
	Tables        []string
	before, after *rule.Layout
}

// Error implements error.
func (e *MisplacedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the rules of %s place rows elsewhere than those that were served last:\n", e.Database)
	for _, t := range e.Tables {
		name := t
		if t == rule.AllUnlisted {
			name = "all tables that the rules do not name"
		}
		fmt.Fprintf(&b, "  %s: was %s;\n    would be %s\n", name, e.before.WhereIs(t), e.after.WhereIs(t))
	}
	for name, other := range rule.Intruders(e.before, e.after) {
		fmt.Fprintf(&b, "  %s would be at the address of %s\n", name, other)
	}
	b.WriteString("Nothing here moves rows: go back to the rules of before, or start once with heddle serve --force-placement if these tables " +
		"are empty, or if you have moved their rows yourself")
	return b.String()
}
