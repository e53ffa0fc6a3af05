package merge

import (
	"context"
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Output is one column that a Project lets through.
type Output struct {
	Column int // index in the input
	// Definition replaces the input's; nil keeps it.
	Definition *sqltypes.Column
}

// Project selects, reorders, repeats and renames columns; hidden ones are those it does not name. Cells are not copied.
type Project struct {
	input   RowStream
	columns []sqltypes.Column
	from    []int
	row     sqltypes.Row
}

// NewProject returns input with the columns that outputs names.
func NewProject(input RowStream, outputs []Output) (*Project, error) {
	in := input.Columns()
	p := &Project{
		input: input, columns: make([]sqltypes.Column, len(outputs)),
		from: make([]int, len(outputs)), row: make(sqltypes.Row, len(outputs)),
	}
	for i, o := range outputs {
		if o.Column < 0 || o.Column >= len(in) {
			return nil, sqlerr.Internal(fmt.Sprintf("column %d of %d is projected", o.Column, len(in)))
		}
		p.from[i], p.columns[i] = o.Column, in[o.Column]
		if o.Definition != nil {
			p.columns[i] = *o.Definition
		}
	}
	return p, nil
}

// Columns returns the selected columns' definitions.
func (p *Project) Columns() []sqltypes.Column { return p.columns }

// Next returns the selected cells of the input's next row.
func (p *Project) Next(ctx context.Context) (sqltypes.Row, error) {
	row, err := p.input.Next(ctx)
	if err != nil {
		return nil, err
	}
	for i, c := range p.from {
		p.row[i] = row[c]
	}
	return p.row, nil
}

// Close closes the input.
func (p *Project) Close() error { return p.input.Close() }
