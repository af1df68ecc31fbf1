"""What each pipeline is: extraction, features, model and the specification that names them."""
