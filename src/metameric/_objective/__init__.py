"""What is sought: objectives that give one value per problem and named parts."""
