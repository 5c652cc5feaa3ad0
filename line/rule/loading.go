package rule

// The seconds of a loading animation: a multiple of the least, 20 unless a request says otherwise (Messaging
// API reference, "Display a loading animation").
const (
	loadingLeast   = 5
	loadingUsual   = 20
	loadingLongest = 60
)

// Loading is the body of a request for a loading animation.
type Loading struct {
	ChatID         string `json:"chatId"`
	LoadingSeconds *int   `json:"loadingSeconds"` // nil for LINE's usual time
}

// Seconds returns how long the animation is shown, or LINE's answer to what is wrong with the request.
func (l Loading) Seconds() (int, error) {
	if !ChatID(l.ChatID, "U") {
		return 0, InBody([]Detail{{Message: "Only user id is acceptable", Property: "chatId"}})
	}
	seconds := loadingUsual
	if l.LoadingSeconds != nil {
		seconds = *l.LoadingSeconds
	}
	if seconds < loadingLeast || seconds > loadingLongest || seconds%loadingLeast != 0 {
		return 0, InBody([]Detail{{Message: "Must be a multiple of 5 between 5 and 60", Property: "loadingSeconds"}})
	}
	return seconds, nil
}
