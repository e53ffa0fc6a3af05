package sharding

import "context"

// hint places rows by a number in a hint of the statement, not by a column: number mod the number of nodes. The key
// it is asked for is that number (IntKey). Without a hint every node is meant. It has no properties.
type hint struct{ mod }

func newHint(_ context.Context, cfg Config) (Algorithm, error) {
	if err := cfg.Properties.known(); err != nil {
		return nil, err
	}
	if err := checkColumns(cfg, 0, 0); err != nil {
		return nil, err
	}
	return &hint{mod{cfg.Nodes}}, nil
}
