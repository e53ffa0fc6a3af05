package interop

import (
	"context"
	"fmt"
	"strings"

	"github.com/heddle-mesh/heddle/sidecar/dev"
	"golang.org/x/sync/errgroup"
)

// bigRows is the number of rows of the table that is streamed.
const bigRows = 1_000_000

const bigTable = "CREATE TABLE big (id BIGINT NOT NULL PRIMARY KEY, grp INT NOT NULL, name VARCHAR(40) NOT NULL, pad VARCHAR(200) NOT NULL) ENGINE=MyISAM"

// fillBig makes the table of a million rows where heddle would have put them: through a client this would take most
// of the layer's time. The slot of a row is CRC32(id) mod 16384; data source 0 holds the lower half.
func fillBig(ctx context.Context, plain *dev.Server, shards []*dev.Server) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return fill(ctx, plain, "big_plain", 100_000, "TRUE") })
	g.Go(func() error {
		if err := fill(ctx, shards[0], physical("big", "one", 0), bigRows, "TRUE"); err != nil {
			return err
		}
		return fill(ctx, shards[0], physical("big", "many", 0), bigRows, "CRC32(seq) % 16384 < 8192")
	})
	g.Go(func() error {
		return fill(ctx, shards[1], physical("big", "many", 1), bigRows, "CRC32(seq) % 16384 >= 8192")
	})
	return g.Wait()
}

func fill(ctx context.Context, s *dev.Server, schema string, rows int, where string) error {
	db, err := s.Open(schema)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, q := range []string{
		bigTable,
		fmt.Sprintf("INSERT INTO big SELECT seq, seq MOD 100, CONCAT('name ', seq), '%s' FROM seq_1_to_%d WHERE %s",
			strings.Repeat("p", 100), rows, where),
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("fill %s: %w", schema, err)
		}
	}
	return nil
}
