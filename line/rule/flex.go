package rule

import "github.com/tidwall/gjson"

const (
	// maxBubbles is how many bubbles a flex carousel holds (Messaging API reference, "Carousel").
	maxBubbles = 12
	// maxFlexDepth bounds how deep boxes may stand in each other; LINE does not publish such a limit.
	maxFlexDepth = 50
)

// flexRule is the rule of the container of a flex message: its structure, and the properties that
// messaging-api.yml requires. Colors and sizes are not looked at.
func flexRule() Rule {
	component := flexComponent()
	box := func(r *Report, v gjson.Result) {
		if !isEmpty(v.Get("type")) && v.Get("type").Str != "box" {
			r.Under(Step{Name: "type"}, OneOf("box"), v.Get("type"))
			return
		}
		component(r, v)
	}
	bubble := Object(
		May("size", OneOf("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")), May("direction", OneOf("ltr", "rtl")),
		May("header", box), May("hero", component), May("body", box), May("footer", box), May("action", flexAction()),
	)
	return ByType(map[string]Rule{
		"bubble":   bubble,
		"carousel": Object(Must("contents", List(1, maxBubbles, ByType(map[string]Rule{"bubble": bubble})))),
	})
}

// flexAction is the rule of an action in a flex message.
func flexAction() Rule { return buttonAction(May("label", Graphemes(maxFlexLabel))) }

// flexComponent is the rule of a component, which may hold others.
func flexComponent() Rule {
	var component Rule
	inner := func(r *Report, v gjson.Result) {
		if len(r.path) > 2*maxFlexDepth {
			r.Add("is nested too deep")
			return
		}
		component(r, v)
	}
	action := May("action", flexAction())
	component = ByType(map[string]Rule{
		"box": Object(
			Must("layout", OneOf("horizontal", "vertical", "baseline")), Must("contents", List(0, 1000, inner)), action,
		),
		"button": Object(
			Must("action", buttonAction(labelled(maxFlexLabel))), May("style", OneOf("primary", "secondary", "link")),
			May("height", OneOf("md", "sm")),
		),
		"image":     Object(Must("url", MediaURL), May("aspectMode", OneOf("fit", "cover")), action),
		"video":     Object(Must("url", MediaURL), Must("previewUrl", MediaURL), Must("altContent", inner), action),
		"icon":      Object(Must("url", MediaURL)),
		"text":      all(Object(May("contents", List(0, 1000, spanRule())), action), textOrSpans),
		"span":      Object(),
		"separator": Object(),
		"filler":    Object(),
	})
	return component
}

// spanRule is the rule of a part of a flex text.
func spanRule() Rule { return ByType(map[string]Rule{"span": Object()}) }

// textOrSpans reports a flex text that has neither text nor contents.
func textOrSpans(r *Report, v gjson.Result) {
	if isEmpty(v.Get("text")) && isEmpty(v.Get("contents")) {
		r.Under(Step{Name: "text"}, func(r *Report, _ gjson.Result) { r.Add(MayNotBeEmpty) }, v)
	}
}
