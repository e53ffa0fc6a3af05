package neighbour

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// Question asks for the rows that instances have of a table of their own.
type Question struct {
	Table string `json:"table"`
	User  string `json:"user"`
	Admin bool   `json:"admin"`
	Most  int    `json:"most"` // rows of all together, of each the first; 0: no bound. On the way it is the bound for one
}

// rowsAnswer are the rows. Their columns are named: an instance of another version may have others.
type rowsAnswer struct {
	Columns []string   `json:"columns"`
	Rows    [][][]byte `json:"rows"` // null: NULL
	More    int        `json:"more"` // that are left out
}

func rowsFor(local Local, q Question) rowsAnswer {
	columns, rows := local.Rows(q)
	a := rowsAnswer{Columns: columns, Rows: [][][]byte{}}
	if q.Most > 0 && len(rows) > q.Most {
		rows, a.More = rows[:q.Most], len(rows)-q.Most
	}
	for _, r := range rows {
		a.Rows = append(a.Rows, r)
	}
	return a
}

// Rows asks all other instances for their rows of a table, which are given back under the columns that are wanted. Missing says
// which did not answer in time, and which have more than could be had.
func (n *Neighbours) Rows(ctx context.Context, q Question, columns []sqltypes.Column) (all []sqltypes.Row, missing []error) {
	peers := n.others()
	if q.Most > 0 {
		q.Most = max(1, q.Most/max(1, len(peers)))
	}
	answers := make([]rowsAnswer, len(peers))
	errs := make([]error, len(peers))
	ctx, cancel := context.WithTimeout(ctx, listWait)
	defer cancel()
	var asking errgroup.Group
	asking.SetLimit(atOnce)
	for i, peer := range peers {
		asking.Go(func() error {
			errs[i] = n.ask(ctx, peer, "/rows", q, &answers[i])
			return nil // one that is silent takes nothing from the others
		})
	}
	_ = asking.Wait() // see above
	for i, peer := range peers {
		switch a := &answers[i]; {
		case errs[i] != nil || a.Columns == nil:
			missing = append(missing, sqlerr.PeerSilent(peer.Name, "its rows are missing"))
		default:
			all = append(all, a.under(columns)...)
			if a.More > 0 {
				missing = append(missing, sqlerr.PeerHasMore(peer.Name, a.More))
			}
		}
	}
	return all, missing
}

// under puts the cells where columns want them; one that the other does not know is NULL.
func (a *rowsAnswer) under(columns []sqltypes.Column) []sqltypes.Row {
	at := make([]int, len(columns))
	for i := range columns {
		at[i] = slices.Index(a.Columns, columns[i].Name)
	}
	rows := make([]sqltypes.Row, len(a.Rows))
	for i, cells := range a.Rows {
		rows[i] = make(sqltypes.Row, len(columns))
		for k, from := range at {
			if from >= 0 && from < len(cells) {
				rows[i][k] = cells[from]
			}
		}
	}
	return rows
}
