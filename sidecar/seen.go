package sidecar

import (
	"context"
	"errors"
	"strings"

	"github.com/heddle-mesh/heddle/governance/store"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/sidecar/neighbour"
)

// mostSeen bounds the shapes that are asked for, of all instances together.
const mostSeen = 5000

// Seen are statements that the living instances have run lately in a database, without values, by their shapes: each once, those of most time
// first. Left says how many shapes there are besides of which no statement can be made; missing, which instances did not tell, or not all.
func Seen(ctx context.Context, s store.Store, database string) (statements []string, left int, missing []error, err error) {
	v, err := neighbour.Visit(ctx, s)
	if err != nil {
		return nil, 0, nil, err
	}
	defer func() { err = errors.Join(err, v.Close(context.WithoutCancel(ctx))) }()
	rows, missing := v.Rows(ctx, neighbour.Question{Table: "digests", Admin: true, Most: mostSeen}, []sqltypes.Column{
		sysview.Text("db", 64), sysview.Text("digest", 16), sysview.Text("statement", 4096),
	})
	known := map[string]bool{}
	for _, r := range rows {
		if !strings.EqualFold(string(r[0]), database) || known[string(r[1])] {
			continue
		}
		known[string(r[1])] = true
		if text, ok := digest.Example(string(r[2])); ok {
			statements = append(statements, text)
		} else {
			left++
		}
	}
	return statements, left, missing, nil
}
