package reload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/heddle-mesh/heddle/governance/durable"
	"github.com/heddle-mesh/heddle/governance/layout"
)

// lastGood is the file of the last good documents of one kind, below durable's header. Dropped documents stay in it:
// their serial tells a store that was set back.
type lastGood struct {
	Kind      string              `json:"kind"`
	Saved     time.Time           `json:"saved"`
	Confirmed time.Time           `json:"confirmed"`
	Documents map[string]Document `json:"documents"`
}

// readDisk returns nil if there is no file.
func readDisk(path, kind string) (*lastGood, error) {
	data, err := durable.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var kept lastGood
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if kept.Kind != kind {
		return nil, fmt.Errorf("read %s: it holds %s, not %s", path, kept.Kind, kind)
	}
	for name, d := range kept.Documents {
		if d.Name != name || layout.Checksum([]byte(d.Version.Text)) != d.Version.Checksum {
			return nil, fmt.Errorf("read %s: %s does not fit its name or checksum", path, name)
		}
	}
	return &kept, nil
}

func (k lastGood) write(path string) error {
	data, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	return durable.Write(path, data)
}

func removeDisk(path string) error {
	if path == "" {
		return nil
	}
	return durable.Remove(path)
}
