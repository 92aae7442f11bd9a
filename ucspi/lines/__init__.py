"""Lines on their way: line ends converted, labelled with the time, labels made local time."""
