package session

import "testing"

func TestHasEmptyMember(t *testing.T) {
	for columnType, want := range map[string]bool{
		"enum('')": true, "enum('a','')": true, "enum('','a')": true, "enum('a','''','')": true,
		"enum('a')": false, "enum('''')": false, "enum('a'',''b')": false, "enum('a','b'',')": false, "set('','a')": false, "varchar(3)": false, "enum('a": false,
	} {
		if got := hasEmptyMember(columnType); got != want {
			t.Errorf("%s: got %v", columnType, got)
		}
	}
}
