package server

import (
	"slices"
	"strings"
	"testing"
)

func TestQuotaShares(t *testing.T) {
	tests := []struct {
		warn string
		want []int
		bad  bool
	}{
		{"50,80,95", []int{50, 80, 95}, false},
		{" 90 , 100", []int{90, 100}, false},
		{"none", nil, false},
		{"", nil, false},
		{"0", nil, true},
		{"101", nil, true},
		{"50%", nil, true},
		{"50,", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.warn, func(t *testing.T) {
			got, err := Quota{Warn: tt.warn}.shares()
			if !slices.Equal(got, tt.want) || (err != nil) != tt.bad {
				t.Errorf("got %v, %v; want %v, error %v", got, err, tt.want, tt.bad)
			}
		})
	}
	cfg := DefaultConfig()
	cfg.Channels = []Channel{{Name: "main", Secrets: []string{"s"}, AccessToken: "t"}}
	cfg.Quota = Quota{Warn: "much", Every: -1}
	if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), `quota.warn: "much"`) || !strings.Contains(err.Error(), "quota.every: must not be negative") {
		t.Errorf("got %v, want both faults", err)
	}
}
