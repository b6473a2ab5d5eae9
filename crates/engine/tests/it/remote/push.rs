//! A state that is put in the place of another.

use sf_engine::{Edit, Pushed};
use sf_plan::State;

use crate::support::{Stand, one, two, who};

#[tokio::test]
async fn a_state_that_is_pushed_must_be_newer_and_of_the_same_history() {
    for stand in [Stand::new(), Stand::remote()] {
        stand.deploy(two("v1")).await;
        let old = stand.state().await;
        stand.deploy(one("v2")).await;
        let new = stand.state().await;
        let push = async |state: &State, force| {
            let edit = Edit::begin(stand.store(), who("sf state push")).await.unwrap();
            let pushed = edit.push(state.clone(), &stand.scope(), force, None).await;
            stand.store().close().await.unwrap();
            pushed
        };
        assert_eq!(push(&new, false).await.unwrap(), Pushed::Same);
        let older = push(&old, false).await.unwrap_err();
        let serials = format!("has serial {}, and this one {}", new.serial.0, old.serial.0);
        assert!(older.to_string().contains(&serials), "{older}");
        let mut other = old.clone();
        other.lineage.0 = "other".into();
        other.serial.0 += 100;
        assert!(push(&other, false).await.unwrap_err().to_string().contains("another history"));
        let mut another = new.clone();
        another.scope = Some("shop/prod".into());
        another.serial.0 += 1;
        let refused = push(&another, true).await.unwrap_err().to_string();
        assert_eq!(refused, "it is of `shop/prod`, and this is `sample/dev`");
        assert_eq!(stand.state().await, new, "nothing was changed until now");

        let Pushed::Stored { serial, aside: None } = push(&old, true).await.unwrap() else { panic!() };
        assert_eq!(serial.0, new.serial.0 + 1);
        assert_eq!(stand.state().await.objects, old.objects);
        let Pushed::Stored { serial, aside: Some(_) } = push(&other, true).await.unwrap() else { panic!() };
        assert_eq!((serial, stand.state().await), (other.serial, other));
    }
}

#[tokio::test]
async fn a_state_moves_from_one_store_to_another() {
    let (from, to) = (Stand::new(), Stand::remote());
    from.deploy(two("v1")).await;
    let state = from.state().await;
    let edit = Edit::begin(to.store(), who("sf state push")).await.unwrap();
    let pushed = edit.push(state.clone(), &to.scope(), false, None).await.unwrap();
    assert_eq!(pushed, Pushed::Stored { serial: state.serial, aside: None });
    assert_eq!(to.state().await, state);
}
