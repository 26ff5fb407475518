echo down
