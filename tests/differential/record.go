package differential

import (
	"context"
	"fmt"
)

// Recording is what the plain server answered to a whole file.
type Recording struct {
	cases map[caseKey]*caseRecord
}

type caseKey struct {
	index int
	mode  Mode
}

// caseRecord is what it answered to one case: for each step the answers, the unlimited one where it is wanted; and the
// tables afterwards.
type caseRecord struct {
	steps     [][]*Answer
	unlimited []*Answer
	dumps     []*Answer
}

// Record plays the file on the plain server.
func (f *File) Record(ctx context.Context, plain Side) (*Recording, error) {
	if err := plain.Prime(ctx, f.Setup); err != nil {
		return nil, fmt.Errorf("set up %s on the plain server: %w", f.Topic, err)
	}
	r := &Recording{cases: map[caseKey]*caseRecord{}}
	dirty := true
	for i := range f.Cases {
		for _, mode := range f.Cases[i].Modes {
			if dirty {
				if err := plain.Fill(ctx, f.Data); err != nil {
					return nil, fmt.Errorf("fill the tables of %s on the plain server: %w", f.Topic, err)
				}
			}
			rec, err := f.recordCase(ctx, plain, &f.Cases[i], mode)
			if err != nil {
				return nil, fmt.Errorf("%s.sql:%d: case %s on the plain server: %w", f.Topic, f.Cases[i].Line, f.Cases[i].Name, err)
			}
			r.cases[caseKey{i, mode}], dirty = rec, f.Cases[i].Writes()
		}
	}
	return r, nil
}

// Writes reports whether the case may leave the tables otherwise than it found them.
func (c *Case) Writes() bool {
	for i := range c.Steps {
		if !clausesOf(c.Steps[i].SQL).reads() {
			return true
		}
	}
	return false
}

func (f *File) recordCase(ctx context.Context, plain Side, c *Case, mode Mode) (*caseRecord, error) {
	clients := plain.Clients(c.options(mode))
	defer clients.Close()
	rec := &caseRecord{unlimited: make([]*Answer, len(c.Steps))}
	for i := range c.Steps {
		step := &c.Steps[i]
		if step.Expect.Limit {
			all := *step
			all.SQL = unlimited(step.SQL)
			all.Expect.NoWarnings = true
			answers, err := clients.Play(ctx, &all, mode)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", step.Line, err)
			}
			rec.unlimited[i] = answers[len(answers)-1]
		}
		answers, err := clients.Play(ctx, step, mode)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", step.Line, err)
		}
		rec.steps = append(rec.steps, answers)
	}
	if !c.Writes() {
		return rec, nil
	}
	dumps, err := f.dump(ctx, plain)
	rec.dumps = dumps
	return rec, err
}

// dump reads the file's tables, in the text protocol, on a connection that sees what is committed.
func (f *File) dump(ctx context.Context, side Side) ([]*Answer, error) {
	clients := side.Clients(ConnOptions{Schema: Schema})
	defer clients.Close()
	var out []*Answer
	for i := range f.Dumps {
		answers, err := clients.Play(ctx, &f.Dumps[i], Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Dumps[i].SQL, err)
		}
		out = append(out, answers[0])
	}
	return out, nil
}
