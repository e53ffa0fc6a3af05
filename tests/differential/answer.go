package differential

import (
	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// Answer is all that a client sees of one statement.
type Answer struct {
	Prepared *Prepared // the reply to the preparation; nil under the text protocol
	Results  []Result  // at least one, unless the preparation failed
	Warnings []Warning // SHOW WARNINGS, where an answer counted any
}

// Prepared is the reply to COM_STMT_PREPARE. The statement's id is the server's own business.
type Prepared struct {
	Err      *sqlerr.Error
	Params   []sqltypes.Column
	Columns  []sqltypes.Column
	Warnings uint16
}

// Result is one result of a statement: rows, an OK or an error.
type Result struct {
	Err     *sqlerr.Error
	Columns []sqltypes.Column // nil for an OK
	Rows    []Row
	End     wire.OK // the OK, or what ended the rows
	Binary  bool
}

// Row is one row: its cells as text, and its packet.
type Row struct {
	Cells sqltypes.Row
	Raw   string
}

// Warning is a row of SHOW WARNINGS.
type Warning struct {
	Level, Code, Message string
}

// Err is the first error in the answer, or nil.
func (a *Answer) Err() *sqlerr.Error {
	if a.Prepared != nil && a.Prepared.Err != nil {
		return a.Prepared.Err
	}
	for i := range a.Results {
		if a.Results[i].Err != nil {
			return a.Results[i].Err
		}
	}
	return nil
}

// warned reports whether any part of the answer counts warnings.
func (a *Answer) warned() bool {
	for i := range a.Results {
		if a.Results[i].End.Warnings > 0 {
			return true
		}
	}
	return a.Prepared != nil && a.Prepared.Warnings > 0
}
