package merge

import (
	"fmt"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
)

// jsonJoin is JSON_ARRAYAGG and JSON_OBJECTAGG: what stands between the brackets of the shards' texts, with the
// separator between. An array that MariaDB would cut, which leaves text that is no JSON, is refused.
type jsonJoin struct {
	agg         *Agg
	open, close byte
	text        cellBuffer // without the brackets
	some        bool
}

func newJSONJoin(a *Agg, open, close byte, acct *account) *jsonJoin {
	return &jsonJoin{agg: a, open: open, close: close, text: cellBuffer{account: acct}}
}

func (j *jsonJoin) reset() { j.text.bytes, j.some = j.text.bytes[:0], false }

func (j *jsonJoin) add(row sqltypes.Row) error {
	cell := row[j.agg.Column]
	if cell == nil {
		return nil
	}
	if len(cell) < 2 || cell[0] != j.open || cell[len(cell)-1] != j.close {
		return sqlerr.Internal(fmt.Sprintf("%s of a shard reads %.40q", j.agg.Func, cell))
	}
	j.some = true
	inner := cell[1 : len(cell)-1]
	if len(inner) == 0 {
		return nil
	}
	if len(j.text.bytes) > 0 {
		if err := j.text.add(j.agg.Separator); err != nil {
			return err
		}
	}
	if err := j.text.add(inner); err != nil {
		return err
	}
	if j.agg.Func == JSONArrayAgg && j.agg.MaxLen > 0 && len(j.text.bytes) > j.agg.MaxLen {
		return sqlerr.NotSupported("JSON_ARRAYAGG over several shards longer than group_concat_max_len")
	}
	return nil
}

func (j *jsonJoin) result(dst []byte) ([]byte, bool, error) {
	if !j.some {
		return dst, true, nil
	}
	dst = append(dst, j.open)
	if j.agg.Func == JSONObjectAgg && j.agg.Normalize {
		members, err := jsonMembers(j.text.bytes)
		if err != nil {
			return dst, false, err
		}
		dst = appendMembers(dst, normalize(members), j.agg.Separator)
	} else {
		dst = append(dst, j.text.bytes...)
	}
	return append(dst, j.close), false, nil
}
